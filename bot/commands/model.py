"""``tandem model push``"""

from pathlib import Path
from typing import Annotated

import typer

from bot.commands.console import clear_errors, err, out
from bot.commands.registry import command


@command(group="model")
def push(
    model: Annotated[str, typer.Argument(help="A model of tandem.yaml.")],
    file: Annotated[Path, typer.Argument(help="Rows: .csv, .parquet, or JSON lines (.jsonl, .ndjson, .json).")],
    reference: Annotated[str | None, typer.Option(help="They are the reference of this version.")] = None,
    labels: Annotated[bool, typer.Option("--labels", help="They are labels, not predictions.")] = False,
    url: Annotated[str, typer.Option(help="Where Tandem runs.", envvar="TANDEM_URL")] = "http://127.0.0.1:8080",
    param: Annotated[
        list[str] | None, typer.Option(help="A parameter of the request, as NAME=VALUE; may be given again.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many go in a request.")] = 50_000,
) -> None:
    """Send predictions, labels or a reference from a file, with TANDEM_WEBHOOK_TOKEN, and say what was taken."""
    from bot.commands.parts.push import Push, push_file

    with clear_errors():
        wanted = Push.of(model, file, reference=reference, labels=labels, params=param or [], rows=rows)
        pushed = push_file(wanted, url)
        for name, note in pushed.notes.items():
            out.print(f"{name}: {note}")
        for refused in sorted(pushed.refused):
            err.print(f"refused: {refused}")
        out.print(pushed.in_words)
        if pushed.stopped:
            err.print(f"tandem: {pushed.stopped}")
    if pushed.refused or pushed.stopped:
        raise typer.Exit(1)
