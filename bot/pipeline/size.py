"""How much one transaction of the pipeline takes in: as much as keeps it short.

While it lasts, SQLite takes no other writer. How long an alert takes depends on the machine, the database, and on how
large the incidents are; so the size follows the processor time that the last transactions took.
"""

from collections.abc import Sequence

from bot.inbox.entries import MOST_WEIGHT, Entry, weight_of

TARGET = 0.1
"""Seconds of processor time that a transaction should take."""
MOST, LEAST = 1000, 200
"""In alerts. What a transaction costs whatever is in it does not become less when it is smaller still."""
MOST_ENTRIES = 1000


class BatchSize:
    """``entries`` is how many are read at a time; ``most`` how much work of them is taken, in alerts."""

    def __init__(self, entries: int = MOST // 2, most: int = MOST // 2) -> None:
        self.entries = entries
        self.most = most

    def fitted(self, found: Sequence[Entry]) -> list[Entry]:
        """The first of these entries, as many as fit; one at least."""
        taken: list[Entry] = []
        weight = 0
        for entry in found:
            weight += sum(map(weight_of, entry.events))
            if weight > self.most and taken:
                break
            taken.append(entry)
        return taken

    def after(self, entries: Sequence[Entry], seconds: float) -> "BatchSize":
        """The next one's size, after one with these entries lasted so long."""
        weight = sum(weight_of(event) for entry in entries for event in entry.events)
        most = self.most
        if seconds > TARGET:
            most = max(int(min(most, weight) * max(TARGET / seconds, 0.25)), LEAST)
        elif seconds < TARGET / 2 and weight > most / 2:
            most = min(most + most // 2 + 1, MOST)
        many = len(entries) * max(most / max(weight, 1), 1.0) * 2  # what is read and not taken is read again
        return BatchSize(min(max(int(many), MOST // MOST_WEIGHT), MOST_ENTRIES), most)


ONE = BatchSize(entries=1, most=1)
"""For an entry that is to be worked through by itself."""
