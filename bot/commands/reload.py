"""``tandem reload``"""

import typer

from bot.commands.console import EXIT_CONFIG, clear_errors, err, out
from bot.commands.registry import command


@command()
def reload() -> None:
    """Let Tandem on this host take its changed configuration without a restart; exit 2 where it is refused."""
    from bot.commands.parts.reload import reload_all
    from bot.config import read_environment

    with clear_errors():
        notes = reload_all(read_environment().database_url)
    for note in notes:
        if note.refused:
            err.print(f"{note.refused}\nprocess {note.pid} goes on with the configuration of {note.since:%H:%M:%S} UTC")
        else:
            out.print(f"process {note.pid} has taken {note.config}")
    if any(note.refused for note in notes):
        raise typer.Exit(EXIT_CONFIG)
