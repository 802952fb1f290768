"""docs/commands.md lists the slash commands that are registered."""

from pathlib import Path

from handlers.slack.reference import table

PAGE = (Path(__file__).parents[3] / "docs" / "commands.md").read_text(encoding="utf-8")


def test_the_table_of_slash_commands_is_the_one_made_from_the_registry() -> None:
    written = PAGE.partition("| type | to |")
    assert written[1], "the page has no table"
    rows = (written[1] + written[2]).partition("\n\n")[0].rstrip("\n")
    assert rows == table(), "paste what `python -m handlers.slack.reference` prints"
