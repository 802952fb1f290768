"""The table of docs/commands.md, made from the registry: ``python -m handlers.slack.reference`` prints it."""

from handlers.slack.registry import commands_of, slashes


def table() -> str:
    """Every slash command, in the order of its help, as a Markdown table."""
    rows = [
        f"| `{_cell(typed)}` | {_cell(does)} |"
        for slash in slashes()
        for one in commands_of(slash).values()
        for typed, does in one.examples().items()
    ]
    return "\n".join(["| type | to |", "| --- | --- |", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(table())
