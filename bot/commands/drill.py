"""``tandem drill``"""

from typing import Annotated

import typer

from bot.commands.console import ConfigOption, clear_errors, out
from bot.commands.registry import command


@command()
def drill(
    runbook: Annotated[str, typer.Argument(help="The runbook, by its name in tandem.yaml.")],
    incident: Annotated[
        int | None, typer.Option("--incident", help="The incident that it is like; default: the last one it was for.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Rehearse a runbook with a made-up incident: plan, guards, previews, evidence. Nothing is changed; exit 1 where
    something would fail."""
    import asyncio

    from bot.commands.parts.drill import in_words, rehearsed
    from bot.commands.parts.settings import config_path
    from bot.config import load_config, read_environment

    with clear_errors():
        environment = read_environment()
        settings, _ = load_config(config_path(config, environment))
        found = asyncio.run(rehearsed(environment, settings, runbook, incident))
    for line in in_words(found):
        out.print(line)
    if not found.ok:
        raise typer.Exit(1)
