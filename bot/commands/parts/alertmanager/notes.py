"""What could not be carried over, a line each."""

from bot.config.document import Document, Place
from bot.integrations.http import printable


class Notes:
    """Lines that name file, line and key, each once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.lines: list[str] = []

    def add(self, place: Place, text: str) -> None:
        line = printable(f"{self._document.where(place)}: {text}")
        if line not in self.lines:
            self.lines.append(line)

    def line_of(self, place: Place) -> int:
        return self._document.line_of(place)
