"""What a delivery came to, its answer, and its parts as they are committed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from bot.domain.event import Event
from bot.inbox.inbox import NewEntry
from handlers.sources.registry import Refusal

_AT_ONCE = 2**20
"""So many bytes of entries are committed at once: a large delivery holds up no other."""
_MOST_REASONS = 100


@dataclass
class Taken:
    """How many events it has, those that wait for other systems before they are entries, the entries, and what of it
    cannot be taken."""

    events: int = 0
    waiting: list[Event] = field(default_factory=list)
    entries: list[NewEntry] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def answer(self) -> bytes:
        if not self.refused:
            return b'{"accepted": %d}' % self.events
        refusals = [{"index": one.index, "reason": one.reason[:300]} for one in self.refused[:_MOST_REASONS]]
        return msgspec.json.encode({"accepted": self.events, "refused": refusals})


def at_once(entries: Sequence[NewEntry]) -> Iterator[list[NewEntry]]:
    """The entries in groups of a size that one commit takes."""
    group: list[NewEntry] = []
    size = 0
    for entry in entries:
        size += len(entry.payload)
        if size > _AT_ONCE and group:
            yield group
            group, size = [], len(entry.payload)
        group.append(entry)
    yield group
