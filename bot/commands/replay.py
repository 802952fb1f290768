"""``tandem replay``"""

import logging
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.console import ConfigOption, clear_errors, out
from bot.commands.registry import command


@command()
def replay(
    file: Annotated[Path, typer.Argument(help="A recorded event log: JSON Lines of deliveries.", metavar="FILE")],
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Feed a recorded event log through today's configuration; print the incidents it makes, and those it made then."""
    import asyncio

    from bot.commands.parts.replay import print_incidents, read_made, replay_file
    from bot.commands.parts.settings import read_config
    from bot.config import read_environment
    from bot.observability.logs import set_up_logging
    from handlers.http.endpoint import parse_delivery

    set_up_logging(logging.ERROR)
    with clear_errors():
        settings = read_config(config, read_environment())
        then = read_made(file)
        parse = partial(parse_delivery, mapped=settings.sources)
        print_incidents(asyncio.run(replay_file(file, settings, parse)), then, out, as_json)
