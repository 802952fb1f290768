"""The commands of ``tandem``: one file each, found by itself, each with a name of its own."""

from pathlib import Path

import pytest

from bot import commands
from bot.commands import registry


def test_every_file_with_a_command_is_found() -> None:
    folder = Path(next(iter(commands.__path__)))
    files = {file.stem for file in folder.glob("*.py") if "\n@command(" in file.read_text()} - {"registry"}
    assert "run" in files
    found = registry.assemble()
    names = [one.name for one in found.registered_commands]
    names += [one.name for one in found.registered_groups]  # a group is a file, too
    assert {str(name).replace("-", "_") for name in names} == files


def test_no_two_have_one_name() -> None:
    registry.assemble()
    with pytest.raises(ValueError, match="two commands are named 'run'"):
        registry.command("run")(lambda: None)
