"""The commands that are known. A new one is a new file in this folder, found by itself:

@command()
def hello(name: str) -> None:
    \\"\\"\\"Greet somebody.\\"\\"\\"

Its name, arguments and help are what Typer reads from the function. https://typer.tiangolo.com
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import TypeVar

import typer

_Function = TypeVar("_Function", bound=Callable[..., None])

cli = typer.Typer(
    help="Alerts in, one Slack message an incident out: its cause, a remediation on a click, the check that it worked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

GROUPS = {"model": "Data of models."}
"""What the help says of each group of commands."""


def command(name: str | None = None, group: str | None = None) -> Callable[[_Function], _Function]:
    """Register a command under its function's name, or this one; in a group it is ``tandem GROUP NAME``.

    Raises ValueError where the name is taken.
    """

    def register(function: _Function) -> _Function:
        chosen, among = name or function.__name__, _group(group) if group else cli
        if any(one.name == chosen for one in among.registered_commands):
            raise ValueError(f"two commands are named {chosen!r}")
        return among.command(chosen)(function)

    return register


def _group(name: str) -> typer.Typer:
    """The group of a name, made where it is not there yet."""
    for known in cli.registered_groups:
        if known.name == name and known.typer_instance is not None:
            return known.typer_instance
    made = typer.Typer(no_args_is_help=True, callback=lambda: None, help=GROUPS.get(name, ""))
    cli.add_typer(made, name=name)
    return made


def assemble() -> typer.Typer:
    """Every command, after importing every module of this folder, in the order of the modules' names."""
    package = importlib.import_module("bot.commands")
    for module in pkgutil.iter_modules(package.__path__, "bot.commands."):
        if not module.ispkg:
            importlib.import_module(module.name)
    return cli
