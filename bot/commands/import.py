"""``tandem import``"""

from pathlib import Path
from typing import Annotated

import typer

from bot.commands.console import clear_errors, err
from bot.commands.registry import command


@command("import")
def import_alertmanager(
    file: Annotated[Path, typer.Argument(help="Alertmanager's configuration, as in alertmanager.yml.")],
) -> None:
    """Write a tandem.yaml with the routes of an Alertmanager configuration; what it does not hold is on stderr."""
    from bot.commands.parts.alertmanager import imported

    with clear_errors():
        result = imported(file)
        typer.echo(result.text, nl=False)
        for note in result.notes:
            err.print(note, emoji=False)
