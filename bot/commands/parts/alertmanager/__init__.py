"""``tandem import``: Alertmanager's configuration as a tandem.yaml, and what could not be carried over."""

from pathlib import Path
from typing import NamedTuple

from bot.commands.parts.alertmanager.flattening import outcomes_in_order
from bot.commands.parts.alertmanager.notes import Notes
from bot.commands.parts.alertmanager.reading import Reader, read_alertmanager
from bot.commands.parts.alertmanager.receivers import read_receivers
from bot.commands.parts.alertmanager.remarks import remark_on_file, remark_on_routes
from bot.commands.parts.alertmanager.writing import written


class Imported(NamedTuple):
    """``text`` is a tandem.yaml; ``notes`` say what it does not hold."""

    text: str
    notes: list[str]


def imported(path: Path) -> Imported:
    """Raises ConfigError where the file is no configuration of Alertmanager; TandemError: too many routes."""
    document = read_alertmanager(path)
    notes = Notes(document)
    reader = Reader(document, notes)
    root = reader.root()
    receivers = read_receivers(document.value.get("receivers"), notes)
    reader.check_receivers(root, receivers)
    flat = outcomes_in_order(root, receivers)
    remark_on_file(document.value, notes)
    remark_on_routes(flat, receivers, root, notes)
    return Imported(written(path, root, receivers, flat), notes.lines)
