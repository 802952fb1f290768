"""``tandem record``"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.console import clear_errors, out
from bot.commands.registry import command


@command()
def record(
    file: Annotated[Path, typer.Argument(help="Where the event log goes.", metavar="FILE")],
) -> None:
    """Write what came in, and the incidents it made, as an event log for replay; the bot may be running."""
    import asyncio

    from bot.commands.parts.recording import record as write_log
    from bot.config import read_environment
    from bot.observability.logs import set_up_logging

    set_up_logging(logging.ERROR)
    with clear_errors():
        environment = read_environment()
        deliveries, made = asyncio.run(write_log(environment.database_url, file, environment.inbox_address))
        out.print(f"{file}: {deliveries} deliveries, {made} incidents")
