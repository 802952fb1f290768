"""The pipeline under test: alerts go in, time is moved by hand, incidents come out."""

from collections.abc import Callable, Mapping
from datetime import datetime

from bot.domain.alert import Alert
from bot.domain.event import AlertEvent, AlertStatus, Event, GroupResolved, fingerprint_of
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from bot.domain.run import Plan, Run
from bot.domain.runbook import Runbook
from bot.inbox import offsets
from bot.inbox.inbox import Inbox
from bot.inbox.intake import entries_for
from bot.pipeline.batch import PlanMaker
from bot.pipeline.worker import Worker
from bot.remediation.planning import make_plan
from bot.services import Services
from bot.storage.database import Database
from bot.storage.queries import alerts, incidents, runs
from tests.conftest import Clock


def plan_without_values(name: str, runbook: Runbook, values: Mapping[str, str]) -> Plan:
    return make_plan(name, runbook, values)


class Pipeline:
    def __init__(
        self, database: Database, inbox: Inbox, clock: Clock, rules: Rules, plan: PlanMaker = plan_without_values
    ) -> None:
        self.database, self.clock, self.rules = database, clock, rules
        self.inbox = inbox
        self.worker = Worker(self.services, plan)

    @property
    def services(self) -> Services:
        return Services(self.database, self.inbox, self.rules, self.clock)

    async def prepare(self) -> "Pipeline":
        async with self.database.write() as connection:
            await offsets.prepare(connection, self.rules.partitions)
        return self

    async def append(self, *events: Event) -> None:
        rules = self.rules.correlation
        entries = entries_for(events, "alertmanager", self.clock.now, rules.partition_by, self.rules.partitions)
        await self.inbox.append(entries)

    async def send(self, *events: Event) -> None:
        """One delivery, worked through."""
        await self.append(*events)
        await self.worker.drain()

    async def lag(self) -> int:
        async with self.database.read() as connection:
            positions = await offsets.positions(connection)
        return await self.inbox.lag(positions)

    async def incidents(self) -> list[Incident]:
        """The oldest first."""
        async with self.database.read() as connection:
            return list(reversed(await incidents.list_incidents(connection, limit=1000)))

    async def only_incident(self) -> Incident:
        [incident] = await self.incidents()
        return incident

    async def alerts_of(self, incident: Incident) -> list[Alert]:
        async with self.database.read() as connection:
            return (await alerts.of_incidents(connection, [incident.id]))[incident.id]

    async def runs_of(self, incident: Incident) -> list[Run]:
        async with self.database.read() as connection:
            return (await runs.of_incidents(connection, [incident.id]))[incident.id]

    async def timeline_of(self, incident: Incident) -> list[str]:
        async with self.database.read() as connection:
            return [entry.text for _, entry in await incidents.timeline_of(connection, incident.id)]


def make_alert(clock: Callable[[], datetime]) -> Callable[..., AlertEvent]:
    """A maker of alert events; labels are given as keywords."""

    def make(
        status: str = "firing",
        *,
        group: str = "",
        truncated: int = 0,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        **labels: str,
    ) -> AlertEvent:
        labels = {"alertname": "HighLatency", "service": "checkout", "severity": "warning", **labels}
        return AlertEvent(
            source="alertmanager",
            fingerprint=fingerprint_of(labels),
            status=AlertStatus(status),
            labels=labels,
            starts_at=starts_at or clock(),
            ends_at=ends_at,
            group=group,
            truncated=truncated,
        )

    return make


def group_resolved(group: str, at: datetime, **labels: str) -> GroupResolved:
    return GroupResolved("alertmanager", group, labels, at)
