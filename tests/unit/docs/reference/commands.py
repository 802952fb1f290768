"""docs/reference/commands.md: the slash commands, and the command line."""

from collections.abc import Sequence

import typer.core
import typer.main

from bot.cli import cli
from handlers.slack.registry import commands_of, slashes
from handlers.slack.slash import HELP
from tests.unit.docs.reference.writing import table

_HEAD = """# Commands

## In Slack

Only the one who typed the command sees the answer.
"""


def commands_page() -> str:
    """The page: the slash commands that are registered, and the commands of ``tandem``."""
    slack = [row for slash in slashes() for row in _of_slash(slash)]
    return "\n".join(
        [
            _HEAD,
            table(("command", "what it does"), slack),
            "\n## On the command line\n",
            "`--config FILE` names the configuration; default: `TANDEM_CONFIG`, else `tandem.yaml`.\n",
            table(("command", "what it does"), _of_program()),
            "",
        ]
    )


def _of_slash(slash: str) -> list[tuple[str, str]]:
    examples = [one.examples() for one in commands_of(slash).values()]
    rows = [(f"`{typed}`", _sentence(does)) for found in examples for typed, does in found.items()]
    return [*rows, (f"`{slash} {HELP}`", "Shows this list.")]


def _of_program() -> list[tuple[str, str]]:
    group = typer.main.get_command(cli)
    assert isinstance(group, typer.core.TyperGroup)
    return _of_group("tandem", group)


def _of_group(name: str, group: typer.core.TyperGroup) -> list[tuple[str, str]]:
    rows = []
    for short, one in sorted(group.commands.items()):
        if isinstance(one, typer.core.TyperGroup):
            rows += _of_group(f"{name} {short}", one)
        else:
            rows.append((f"`{name} {short}{_arguments(one.params)}`", one.help or ""))
    return rows


def _arguments(parameters: Sequence[object]) -> str:
    words = []
    for one in parameters:
        if isinstance(one, typer.core.TyperOption):
            if "--config" not in one.opts:
                words.append(f"[{one.opts[0]}{'' if one.is_flag else f' {str(one.name).upper()}'}]")
        elif isinstance(one, typer.core.TyperArgument):
            words.append(str(one.metavar or one.name).upper())
    return "".join(f" {word}" for word in words)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")
