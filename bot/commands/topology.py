"""``tandem topology``"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bot.commands.console import ConfigOption, clear_errors, out
from bot.commands.registry import command


@command()
def topology(
    config: ConfigOption = None,
    learnt: Annotated[
        bool,
        typer.Option("--learnt", help="Also what alerts, calls and incidents have taught, from TANDEM_DATABASE_URL."),
    ] = False,
) -> None:
    """Print what depends on what, from tandem.yaml and the files it imports, and what is doubtful in it."""
    import asyncio

    from bot.commands.parts.settings import config_path
    from bot.commands.parts.topology import print_learnt, print_topology, read_learnt
    from bot.config import load_config, read_environment

    with clear_errors():
        environment = read_environment()
        settings, warnings = load_config(config_path(config, environment))
        print_topology(settings, warnings, out)
        if learnt:
            now = datetime.now(UTC)
            print_learnt(asyncio.run(read_learnt(environment.database_url, now)), settings, now, out)
