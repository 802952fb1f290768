"""What travels through the stages: the working set of one transaction over one partition."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from bot.domain.alert import Alert, Change
from bot.domain.event import AlertEvent, Event, GroupResolved
from bot.domain.incident import Incident, Tally, TimelineEntry, TimelineKind
from bot.domain.naming import About
from bot.domain.rules import Rules
from bot.domain.run import Plan, Run
from bot.domain.runbook import Runbook
from bot.domain.severity import Severity
from bot.inbox.inbox import Entry, Inbox
from bot.pipeline.size import BatchSize
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.incidents import Key, Span
from detectors.topology import Topology

if TYPE_CHECKING:
    from bot.pipeline.causes.histories import Histories  # brings numpy
    from bot.pipeline.watch import Watch

PlanMaker = Callable[[str, Runbook, Mapping[str, str]], Plan]
"""Turns a runbook, by name, into a plan with the values filled in. Raises PlanError."""


class Trigger(StrEnum):
    """What a batch is worked through for: entries of the inbox, or the passing of time."""

    ENTRIES = "entries"
    TICK = "tick"


class Observation(NamedTuple):
    """One change of one alert that matters to incidents; ``listed``: it is known from its sender's own list."""

    identity: str
    change: Change
    at: datetime
    began_to_flap: bool = False
    severity_before: Severity | None = None
    listed: bool = False

    @property
    def began(self) -> bool:
        """Whether the alert began to fire."""
        return self.change in (Change.NEW, Change.REFIRED)


@dataclass
class Batch:
    """Stages read it, add to it, and leave it to the next; each declares what it reads and writes (:mod:`.stage`).

    Those up to ``asks`` are given: no stage writes them, but ``topology``, to which is added what was learnt.

    - ``asks``: what other systems know of findings is asked before, if that means to begin the batch anew.
    - ``position``, ``entries``: what is taken from the inbox, and behind which position.
    - ``more``: others may wait behind these entries.
    - ``looked_around``: in which correlation domains, and around which names, ``topology`` has all that was learnt.
    - ``findings``: the alerts that our own detectors raise or resolve.
    - ``alerts``: every alert to be written, by identity.
    - ``observed``: the changes of alerts that matter to incidents, in order.
    - ``incidents``: those that were loaded, for nobody else to change, or opened, as they will be written if they are
      touched.
    - ``opened``, ``touched``, ``merged``: which of them are new; which change; which became part of which other.
    - ``last_seen``: when the keys that open incidents are found by were first and last seen, where that is recent.
    - ``changed_keys``: what of ``last_seen`` is to be written.
    - ``tallies``: the alerts of each touched incident, counted.
    - ``timeline``, ``runs``, ``audit``: entries and runs to be written.
    - ``histories``: what watched metrics say of services, where there are any.
    - ``unfinished``: a tick found more than one transaction should take up.
    """

    partition: int
    now: datetime
    rules: Rules
    topology: Topology
    make_plan: PlanMaker
    inbox: Inbox
    size: BatchSize = field(default_factory=BatchSize)
    trigger: Trigger = Trigger.ENTRIES
    watches: Sequence["Watch"] = ()
    asks: bool = False
    position: int = 0
    entries: list[Entry] = field(default_factory=list)
    more: bool = False
    looked_around: tuple[Set[str], Set[str]] = frozenset(), frozenset()
    findings: list[AlertEvent] = field(default_factory=list)
    alerts: dict[str, Alert] = field(default_factory=dict)
    observed: list[Observation] = field(default_factory=list)
    incidents: dict[str, Incident] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    merged: dict[str, str] = field(default_factory=dict)
    last_seen: dict[str, dict[Key, Span]] = field(default_factory=dict)
    changed_keys: dict[str, dict[Key, Span]] = field(default_factory=dict)
    tallies: dict[str, list[Tally]] = field(default_factory=dict)
    timeline: list[TimelineEntry] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)
    histories: "Histories | None" = None
    unfinished: bool = False

    def about(self, labels: Mapping[str, str]) -> About:
        """What an alert with these labels is about. What was learnt plays no part in it. Several stages need it."""
        described = self.topology.described
        known = self._abouts.get(id(labels))
        if known is None:
            found = self.rules.correlation.about(labels, described)
            known = self._abouts[id(labels)] = labels, found  # the labels stay, so that no others have their id
        return known[1]

    @cached_property
    def _abouts(self) -> dict[int, tuple[Mapping[str, str], About]]:
        """By the labels that are this very object."""
        return {}

    def events(self) -> Iterator[tuple[datetime, Event]]:
        """What came in, each with the moment of its receipt."""
        return ((entry.received_at, event) for entry in self.entries for event in entry.events)

    def alert_events(self) -> Iterator[tuple[datetime, AlertEvent | GroupResolved]]:
        """What reports that something fires or is resolved: of senders, then of our own detectors.

        An alert that carries a heartbeat is none of them, nor one that only shows that its sender lives.
        """
        if self.entries:
            yield from self._reported
        yield from ((self.now, finding) for finding in self.findings)

    @cached_property
    def _reported(self) -> Sequence[tuple[datetime, AlertEvent | GroupResolved]]:
        """What senders report, which several stages go over."""
        return [
            (at, event)
            for at, event in self.events()
            if isinstance(event, AlertEvent | GroupResolved) and self.rules.is_trouble(event.labels)
        ]

    def began_to_fire(self) -> list[Observation]:
        """The observations of alerts that began to fire, in order."""
        return [observation for observation in self.observed if observation.began]

    def incidents_of_firings(self) -> set[str | None]:
        """The incidents of alerts that began to fire."""
        return {self.alerts[observation.identity].incident_id for observation in self.began_to_fire()}

    def touched_incidents(self) -> list[Incident]:
        """The incidents that change, as they are now, without those that became part of another one."""
        return [self.incidents[incident_id] for incident_id in sorted(self.touched - self.merged.keys())]

    def note_seen(self, incident_id: str, key: Key, first: datetime, last: datetime) -> None:
        """Note that a key that an incident is found by was seen in this span of time."""
        seen = self.last_seen.setdefault(incident_id, {})
        known_first, known_last = seen.get(key, (first, last))
        seen[key] = self.changed_keys.setdefault(incident_id, {})[key] = min(first, known_first), max(last, known_last)

    def note(
        self, incident_id: str, kind: TimelineKind, text: str, actor: str | None = None, *, worse: bool = False
    ) -> None:
        """Add a line to an incident's timeline; ``worse`` where people are to be reached anew."""
        entry = TimelineEntry(incident_id=incident_id, at=self.now, kind=kind, text=text, actor=actor, worse=worse)
        self.timeline.append(entry)
