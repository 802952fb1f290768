"""Labels that are added to alerts, looked up by the labels that they have."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bot.domain.event import AlertEvent, Event
from bot.domain.naming import About

SERVICE = "service"
"""Looks up by what the alert is about, however its labels say that."""


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

    def added_to(self, labels: Mapping[str, str], service: str) -> dict[str, str]:
        """What it adds to labels. What an alert says of itself stays; an empty cell says nothing."""
        key = tuple((name == SERVICE and service) or labels.get(name, "") for name in self.on)
        row = self.rows.get(key, ())
        return {name: value for name, value in zip(self.add, row, strict=False) if value and not labels.get(name)}


@dataclass(frozen=True)
class Enrichment:
    """Tables in their order: a later one may be looked up by what an earlier one has added.

    An alert is named by ``about``, from its labels alone. Its fingerprint stays, so that it stays the alert that it is.
    """

    tables: Sequence[Table]
    about: Callable[[Mapping[str, str]], About]

    def of(self, events: Iterable[Event]) -> list[Event]:
        """The events, the alerts among them with what the tables add."""
        if not self.tables:
            return list(events)
        return [self._enriched(event) if isinstance(event, AlertEvent) else event for event in events]

    def of_alerts(self, alerts: Iterable[AlertEvent]) -> list[AlertEvent]:
        """The alerts with what the tables add."""
        return [self._enriched(alert) for alert in alerts]

    def _enriched(self, event: AlertEvent) -> AlertEvent:
        labels = event.labels
        for table in self.tables:
            service = self.about(labels).service if SERVICE in table.on else ""
            if added := table.added_to(labels, service):
                labels = {**labels, **added}
        return event if labels is event.labels else msgspec.structs.replace(event, labels=labels)


NOTHING_ADDED = Enrichment((), lambda _labels: About(""))
