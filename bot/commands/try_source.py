"""``tandem try-source``"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.console import ConfigOption, clear_errors, out
from bot.commands.registry import command
from bot.errors import ConfigError, TandemError


@command("try-source")
def try_source(
    name: Annotated[str, typer.Argument(help="The source, as in POST /webhooks/NAME.", metavar="NAME")],
    file: Annotated[Path, typer.Argument(help="A body as its sender posts it.", metavar="FILE")],
    config: ConfigOption = None,
) -> None:
    """Show what a body becomes, before its sender is told the address."""
    from bot.commands.parts.settings import read_config
    from bot.config import read_environment
    from bot.domain.event import encode_events
    from handlers.http.endpoint import read_delivery
    from handlers.sources.registry import Refusal

    with clear_errors():
        settings = read_config(config, read_environment())
        if not file.is_file():
            raise ConfigError(f"{file}: there is no such file")
        try:
            found = read_delivery(name, file.read_bytes(), datetime.now(UTC), settings.sources)
        except (LookupError, TandemError, UnicodeError) as error:
            raise ConfigError(f"{file}: {error}") from error
        events = [one for one in found if not isinstance(one, Refusal)]
        for event in events:
            out.print_json(encode_events(event).decode())
        for refused in (one for one in found if isinstance(one, Refusal)):
            out.print(f"refused, number {refused.index}: {refused.reason}", markup=False)
        out.print(f"{len(events)} {'event' if len(events) == 1 else 'events'} of {name}; nothing was sent or stored")
