"""docs/reference/commands.md: the slash commands, and the command line."""

import re
from collections.abc import Sequence

import typer.core
import typer.main

from bot.cli import cli
from handlers.slack import commands, model
from tests.unit.docs.reference.writing import table

_HEAD = """# Commands

## In Slack

Only the one who typed the command sees the answer.
"""
_LINE = re.compile(r"\*`(.+?)`\* (.+)")


def commands_page() -> str:
    """The page: what each slash command's own help says, and each command's of ``tandem``."""
    slack = [_cells(part) for text in (commands.HELP, model.HELP) for part in _parts(text)]
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


def _parts(text: str) -> list[str]:
    """A line of help may hold two commands."""
    return [part for line in text.splitlines() for part in re.split(r"; (?=\*`)", line)]


def _cells(part: str) -> tuple[str, str]:
    found = _LINE.fullmatch(part)
    assert found, part
    command, meaning = found.groups()
    return f"`{command}`", _sentence(meaning) if meaning != "this" else "Shows this list."


def _of_program() -> list[tuple[str, str]]:
    group = typer.main.get_command(cli)
    assert isinstance(group, typer.core.TyperGroup)
    return [
        (f"`tandem {name}{_arguments(one.params)}`", one.help or "") for name, one in sorted(group.commands.items())
    ]


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
