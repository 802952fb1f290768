"""The entries of ``enrich:``, applied to alerts in their order."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bot.domain.enrichment.lookups import Key, Lookup
from bot.domain.enrichment.step import LONGEST, STALE, Applied, Step, Subject
from bot.domain.event import AlertEvent, Event
from bot.domain.naming import About
from bot.domain.naming.storable import clean


@dataclass(frozen=True)
class Enrichment:
    """Entries in their order: a later one may be looked up by what an earlier one has added.

    An alert is named by ``about``, from its labels alone. Its fingerprint stays, so that it stays the alert that it is.
    """

    steps: Sequence[Step]
    about: Callable[[Mapping[str, str]], About]

    @property
    def lookups(self) -> list[Lookup]:
        """Those that ask another system."""
        return [step for step in self.steps if isinstance(step, Lookup)]

    def of(self, events: Iterable[Event]) -> list[Event]:
        """The events, the alerts among them with what the entries add."""
        if not self.steps:
            return list(events)
        return [self._enriched(event) if isinstance(event, AlertEvent) else event for event in events]

    def of_alerts(self, alerts: Iterable[AlertEvent]) -> list[AlertEvent]:
        """The alerts with what the entries add."""
        return [self._enriched(alert) for alert in alerts]

    def applied_to(self, alert: AlertEvent) -> list[Applied]:
        """What each entry adds to an alert. What it says of itself stays, and an empty text is nothing."""
        return [applied for _, applied in self._apply(alert)]

    def asked_for(self, events: Iterable[Event]) -> set[tuple[int, Key]]:
        """What alerts are looked up by, as places in ``lookups`` and keys, as far as is known now.

        What a lookup adds may be what a later one is asked with: it is known when that has answered.
        """
        places = {id(one): place for place, one in enumerate(self.lookups)}
        asked: set[tuple[int, Key]] = set()
        for event in events:
            if not isinstance(event, AlertEvent):
                continue
            for subject, applied in self._apply(event):
                if isinstance(applied.step, Lookup) and (key := applied.step.key_of(subject)):
                    asked.add((places[id(applied.step)], key))
        return asked

    def adopt(self, before: "Enrichment") -> None:
        """Go on with what is known of systems that are asked for the same in the same way."""
        known = {one.version: one.answers for one in before.lookups}
        for lookup in self.lookups:
            if lookup.version in known:
                lookup.answers.adopt(known[lookup.version])

    def has_unasked(self, alerts: Iterable[AlertEvent]) -> bool:
        """Whether something was never asked for that would be looked up for these."""
        lookups = self.lookups
        return bool(lookups) and any(lookups[at].answers.get(key) is None for at, key in self.asked_for(alerts))

    def _apply(self, alert: AlertEvent) -> Iterator[tuple[Subject, Applied]]:
        labels: Mapping[str, str] = alert.labels
        for step in self.steps:
            subject = Subject(labels, alert.annotations, lambda known: self.about(known).service)
            found = step.added_to(subject)
            added = {
                name: clean(value[:LONGEST]) for name, value in found.labels.items() if value and not labels.get(name)
            }
            yield subject, Applied(step, added, found.stale if added else "")
            if added:
                labels = {**labels, **added}

    def _enriched(self, event: AlertEvent) -> AlertEvent:
        applied = [one for _, one in self._apply(event) if one.labels]
        if not applied:
            return event
        labels = {name: value for one in applied for name, value in one.labels.items()}
        stale = "; ".join(f"{', '.join(one.labels)}: {one.stale}" for one in applied if one.stale)
        annotations = {**event.annotations, STALE: stale} if stale else event.annotations
        return msgspec.structs.replace(event, labels={**event.labels, **labels}, annotations=annotations)


NOTHING_ADDED = Enrichment((), lambda _labels: About(""))
