"""``tandem audit``"""

from enum import StrEnum
from typing import Annotated

import typer

from bot.commands.console import clear_errors, out
from bot.commands.registry import command


class What(StrEnum):
    HEAD = "head"
    CHECK = "check"
    RESEAL = "reseal"


@command()
def audit(
    what: Annotated[
        What, typer.Argument(help="head: print it, to be kept elsewhere. check: is the log whole? reseal: a new key.")
    ],
    head: Annotated[str | None, typer.Argument(help="For check: a head that was printed, or a file with one.")] = None,
) -> None:
    """Print the head of the audit log, check the log against a head that was kept, or seal it with a new key."""
    import asyncio

    from bot.commands.parts import audit as parts
    from bot.config import read_environment

    with clear_errors():
        environment = read_environment()
        if what is What.HEAD:
            out.print(asyncio.run(parts.show_head(environment)), highlight=False, soft_wrap=True)
        elif what is What.CHECK:
            out.print(asyncio.run(parts.check(environment, head)), highlight=False, soft_wrap=True)
        else:
            out.print(asyncio.run(parts.reseal(environment)), highlight=False, soft_wrap=True)
