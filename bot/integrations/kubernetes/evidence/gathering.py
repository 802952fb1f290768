"""Gathers evidence for incidents that opened: beside everything else, so that no transaction and no message waits.

What was found is written with the incident: its timeline has it, and its cause is looked for anew. An incident is
looked up once; where nothing answers within :data:`SPAN`, with what was found by then.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
import structlog

from bot.domain.alert import Alert
from bot.domain.cause import MOST_OBSERVED, Observed
from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.errors import StorageUnavailable
from bot.integrations.kubernetes.evidence.reading import BudgetSpent, Looking, Mask, Question
from bot.kubernetes.cluster import Cluster
from bot.kubernetes.errors import ClusterFailure, ClusterRefused
from bot.services import Services
from bot.storage.queries import alerts, incidents
from bot.storage.queries.deeds import anew
from bot.storage.queries.records import unseen

SETTLE = timedelta(seconds=5)
"""So long after it opened an incident is looked at: by then it is known what it is about."""
WITHIN = timedelta(minutes=15)
"""An incident that nobody came to look at so long is old news."""
SPAN = 20.0
_POLL = 2.0
_AT_ONCE = 2
_MOST_SERVICES = 4
_MOST_ALERTS = 50

log = structlog.get_logger(__name__)


class Evidence:
    """``mask`` hides our own secrets in what others said; ``changed`` is called when an incident has evidence."""

    def __init__(self, services: Services, cluster: Cluster, mask: Mask, changed: Callable[[], None]) -> None:
        self._services, self._cluster, self._mask, self._changed = services, cluster, mask, changed
        self._woken = asyncio.Event()
        self._refused = ""

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Gather until cancelled."""
        while True:
            try:
                if not await self.look():
                    await self._rest()
            except StorageUnavailable as error:
                log.warning("kubernetes.evidence_retry", reason=str(error))
                await asyncio.sleep(5)

    async def look(self) -> bool:
        """Look at what opened; False where nothing did. Raises StorageUnavailable."""
        now = self._services.clock()
        async with self._services.database.read() as connection:
            due = await unseen.opened(connection, now - WITHIN, now - SETTLE, _AT_ONCE)
            known = await alerts.of_incidents(connection, [one.id for one in due], _MOST_ALERTS)
        await asyncio.gather(*(self._look_at(one, known[one.id]) for one in due))
        return bool(due)

    async def _look_at(self, incident: Incident, known: Sequence[Alert]) -> None:
        looking = Looking(self._cluster, question_of(incident, known), self._services.clock(), self._mask)
        try:
            async with asyncio.timeout(SPAN):
                await looking.look()
        except (TimeoutError, BudgetSpent, ClusterFailure) as error:
            log.warning("kubernetes.evidence_incomplete", incident=incident.number, reason=str(error) or f"{SPAN:g} s")
        except ClusterRefused as refused:
            if str(refused) != self._refused:
                self._refused = str(refused)
                log.error("kubernetes.refused", reason=self._refused)
        await self._keep(incident.id, looking.found[:MOST_OBSERVED])

    async def _keep(self, incident_id: str, found: Sequence[Observed]) -> None:
        now = self._services.clock()
        async with self._services.database.write() as connection:
            incident = await incidents.by_id(connection, incident_id, lock=True)
            if incident is None or incident.observed is not None:
                return
            version = incident.version + (1 if found else 0)
            changed = msgspec.structs.replace(
                incident, observed=list(found), version=version, changed_at=now if found else incident.changed_at
            )
            await incidents.save(connection, [changed], {})
            if found:
                await incidents.add_to_timeline(connection, [_line(incident_id, one, now) for one in found])
                await anew.ask(connection, incident_id, incident.partition)
        if found:
            self._changed()

    async def _rest(self) -> None:
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL):
                await self._woken.wait()


def question_of(incident: Incident, known: Sequence[Alert]) -> Question:
    """The likeliest cause first, then as the incident names them."""
    services = dict.fromkeys([*(cause.service for cause in incident.causes), *incident.services])
    spaces = {
        service: tuple(dict.fromkeys(one.labels["namespace"] for one in known if _names(one, service)))
        for service in [one for one in services if one][:_MOST_SERVICES]
    }
    return Question(tuple(spaces.items()), incident.opened_at)


def _names(alert: Alert, service: str) -> bool:
    return alert.service == service and bool(alert.labels.get("namespace"))


def _line(incident_id: str, one: Observed, now: datetime) -> TimelineEntry:
    text = f"Seen in Kubernetes, {one.service}: {one.text}"
    return TimelineEntry(incident_id=incident_id, at=now, kind=TimelineKind.CAUSE, text=text)
