"""``tandem outgoing``"""

from enum import StrEnum
from typing import Annotated

import typer

from bot.commands.console import clear_errors, out
from bot.commands.registry import command


class What(StrEnum):
    LIST = "list"
    REPLAY = "replay"


@command()
def outgoing(
    what: Annotated[
        What, typer.Argument(help="list: receivers, and what failed. replay: send anew what was given up.")
    ] = What.LIST,
    ids: Annotated[list[int] | None, typer.Argument(help="For replay: ids of the list; default: all.")] = None,
) -> None:
    """List the outgoing events that receivers have not taken, or send anew those that were given up."""
    import asyncio

    from bot.commands.parts import outgoing as parts
    from bot.config import read_environment

    with clear_errors():
        work = parts.replay(read_environment(), ids) if what is What.REPLAY else parts.listed(read_environment())
        out.print(asyncio.run(work), highlight=False, soft_wrap=True, markup=False)
