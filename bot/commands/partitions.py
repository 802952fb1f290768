"""``tandem partitions``"""

import logging
from typing import Annotated

import typer

from bot.commands.console import ConfigOption, clear_errors, err, out
from bot.commands.registry import command


@command()
def partitions(
    wanted: Annotated[
        int | None, typer.Argument(help="How many there shall be; nothing may run then.", metavar="N")
    ] = None,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Also where not all comes along that was learnt.")] = False,
) -> None:
    """Show the partitions of the inbox, what waits in each and which replica has it; or change how many there are."""
    import asyncio

    from bot.commands.parts import partitions as parts
    from bot.commands.parts.settings import read_config
    from bot.config import read_environment
    from bot.observability.logs import set_up_logging

    set_up_logging(logging.ERROR)
    with clear_errors():
        environment = read_environment()
        if wanted is None:
            out.print(asyncio.run(parts.show(environment)))
            return
        parts.see_that_it_is_possible(wanted)
        losses, done = asyncio.run(parts.change(environment, read_config(config, environment), wanted, yes))
        for loss in losses:
            err.print(f"would be lost: {loss}" if done is None else f"lost: {loss}")
        if done is None:
            err.print("Nothing was changed. `--yes` changes the number all the same.")
            raise typer.Exit(1)
        out.print(done)
