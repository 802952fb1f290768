"""Words that YAML took for a comment: in ``channel: #shop`` the channel is empty, as ``#`` after a space begins one."""

import re
from collections.abc import Iterator

from bot.config.document import Document, Place

_COMMENT = re.compile(r"\s+#([^\s#]+)\s*(?:#.*)?")
_LINE = re.compile(r"\s*#([^\s#:]+)\s*(?:#.*)?")


def swallowed(document: Document) -> Iterator[tuple[Place, str]]:
    """The places without a value beside or above which one word stands as a comment, and that word with its ``#``."""
    lines = document.text.splitlines()
    for place, node in document.scalars():
        mark = node.end_mark
        if node.value or node.style or not mark.line < len(lines):
            continue
        rest, below = lines[mark.line][mark.column :], lines[mark.line + 1 : mark.line + 2]
        found = _COMMENT.fullmatch(rest)
        if not found and not rest.strip() and below:
            found = _LINE.fullmatch(below[0])
        if found:
            yield place, f"#{found[1]}"


def is_channel(place: Place) -> bool:
    """Whether a channel's name is meant at a place."""
    return place == ("slack",) or "channel" in str(place[-1])


def empty_by_comment(place: Place, word: str) -> str:
    meant = f'{{channel: "{word}"}}' if place == ("slack",) else f'"{word}"'
    return f"is empty, as {word} without quotes is a comment in YAML: write {meant}"
