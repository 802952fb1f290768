"""Labels from a table, looked up by the labels that an alert has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.enrichment.step import SERVICE, Added, Subject


@dataclass(frozen=True)
class Table:
    """Rows that are found by the values of the labels ``on``; each holds the values of the labels ``add``.

    ``version`` is a digest of what the table holds; ``name`` is what people call it.
    """

    name: str
    version: str
    on: Sequence[str]
    add: Sequence[str]
    rows: Mapping[tuple[str, ...], tuple[str, ...]]

    def added_to(self, subject: Subject) -> Added:
        """What the row says; an empty cell says nothing."""
        key = tuple((name == SERVICE and subject.service) or subject.labels.get(name, "") for name in self.on)
        return Added(dict(zip(self.add, self.rows.get(key, ()), strict=False)))
