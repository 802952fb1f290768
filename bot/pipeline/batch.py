"""What travels through the stages, and the signature they share."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, Change
from bot.domain.event import AlertEvent, Event, GroupResolved
from bot.domain.incident import Incident, Tally, TimelineEntry, TimelineKind
from bot.domain.rules import Rules
from bot.domain.run import Plan, Run
from bot.domain.runbook import Runbook
from bot.domain.severity import Severity
from bot.inbox.inbox import Entry, Inbox
from bot.pipeline.causes.histories import Histories
from bot.storage.queries.incidents import Key, Span
from detectors.topology import Topology

PlanMaker = Callable[[str, Runbook, Mapping[str, str]], Plan]
"""Turns a runbook, by name, into a plan with the values filled in. Raises PlanError."""


class Observation(NamedTuple):
    """One change of one alert that matters to incidents."""

    identity: str
    change: Change
    at: datetime
    began_to_flap: bool = False
    severity_before: Severity | None = None


@dataclass
class Batch:
    """The working set of one transaction over one partition. Stages read it, add to it, and leave it to the next.

    ``findings`` holds the alerts that our own detectors raise or resolve; ``observed`` the changes that matter to
    incidents, in order; ``alerts`` every alert to be written, by identity; ``incidents`` those that were touched, as
    they will be written; ``merged`` which of them became part of which other; ``heard`` when what open incidents are
    found by was heard of, as far as it was recently, and ``keys`` what of that is to be written; ``histories`` what
    watched metrics say of services, where there are any.
    """

    partition: int
    now: datetime
    rules: Rules
    topology: Topology
    make_plan: PlanMaker
    inbox: Inbox
    limit: int = 200
    position: int = 0
    entries: list[Entry] = field(default_factory=list)
    findings: list[AlertEvent] = field(default_factory=list)
    alerts: dict[str, Alert] = field(default_factory=dict)
    observed: list[Observation] = field(default_factory=list)
    incidents: dict[str, Incident] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    merged: dict[str, str] = field(default_factory=dict)
    heard: dict[str, dict[Key, Span]] = field(default_factory=dict)
    keys: dict[str, dict[Key, Span]] = field(default_factory=dict)
    tallies: dict[str, list[Tally]] = field(default_factory=dict)
    timeline: list[TimelineEntry] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    histories: Histories | None = None

    def events(self) -> Iterator[tuple[datetime, Event]]:
        """What came in, each with the moment of its receipt."""
        return ((entry.received_at, event) for entry in self.entries for event in entry.events)

    def alert_events(self) -> Iterator[tuple[datetime, AlertEvent | GroupResolved]]:
        """What says that something fires or is resolved: of senders, then of our own detectors.

        An alert that carries a heartbeat is none of them.
        """
        for at, event in self.events():
            if isinstance(event, AlertEvent | GroupResolved) and not self.rules.heartbeats_in(event.labels):
                yield at, event
        yield from ((self.now, finding) for finding in self.findings)

    def hear(self, incident_id: str, key: Key, first: datetime, last: datetime) -> None:
        """Say that what an incident is found by was heard of in this span of time."""
        heard = self.heard.setdefault(incident_id, {})
        known_first, known_last = heard.get(key, (first, last))
        heard[key] = self.keys.setdefault(incident_id, {})[key] = min(first, known_first), max(last, known_last)

    def began(self) -> set[str | None]:
        """The incidents of alerts that began to fire."""
        began = (o.identity for o in self.observed if o.change in (Change.NEW, Change.REFIRED))
        return {self.alerts[identity].incident_id for identity in began}

    def note(self, incident_id: str, kind: TimelineKind, text: str, actor: str | None = None) -> None:
        """Add a line to an incident's timeline."""
        entry = TimelineEntry(incident_id=incident_id, at=self.now, kind=kind, text=text, actor=actor)
        self.timeline.append(entry)


Stage = Callable[[Batch, AsyncConnection], Awaitable[None]]
