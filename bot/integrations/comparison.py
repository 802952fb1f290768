"""What fires here of a tool is compared with the tool's own list: deliveries can be lost, and some are never sent.

Alertmanager sends nothing of an alert that ends while it is silenced or inhibited there, nor of what it forgot. What
its list has no longer had for a while ends here; what it has had for a while, and nobody delivered, appears. Both are
events like any other. The list is that of one address: only what was seen in it can be missing from it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import aiohttp
import msgspec
import structlog

from bot.domain.alert import Alert, resolution_of
from bot.domain.event import AlertEvent, AlertStatus, EndedBy
from bot.inbox.intake import entries_for
from bot.integrations.listed_alerts import Listed, Listing, ListingTool
from bot.services import Services
from bot.storage.queries import alerts, tools

SETTLE = timedelta(minutes=5)
"""A tool that has restarted is told anew of what fires: so long its list says nothing of what it held before."""
REMEMBERED = timedelta(hours=1)
MOST_AT_ONCE = 5000

log = structlog.get_logger(__name__)


class _Recent(NamedTuple):
    """When the list last held an alert, and by which receivers it went out."""

    at: datetime
    receivers: frozenset[str]


class AlertComparison:
    """Compares with one tool. A difference counts once it has lasted ``lasting``, over at least two looks."""

    def __init__(
        self, services: Services, tool: ListingTool, session: aiohttp.ClientSession, lasting: timedelta
    ) -> None:
        self._services, self._tool, self._session = services, tool, session
        self._lasting = lasting
        self._missing: dict[str, datetime] = {}
        self._undelivered: dict[str, datetime] = {}
        self._looked_at: datetime | None = None
        self._running_since: datetime | None = None
        self._held: set[str] = set()
        self._recent: dict[str, _Recent] = {}
        self.name = tool.name

    async def is_due(self, now: datetime) -> bool:
        """Whether alerts came since the last look that were never seen in the list: soon they may be gone from it."""
        since = self._looked_at
        async with self._services.database.read() as connection:
            return since is None or await tools.any_unseen(connection, self.name, since)

    async def compare(self, now: datetime) -> None:
        """Look once. Raises ToolFailure, ToolRefused, StorageUnavailable."""
        listing = await self._tool.listing(self._session)
        self._looked_at = now
        async with self._services.database.read() as connection:
            firing = await tools.firing_of(connection, self.name)
            receivers = await tools.receivers_of(connection, self.name) | listing.receivers
        receivers |= await self._note_seen(listing, firing, now)
        ended = await self._ended(listing, firing, now)
        await self._append([*ended, *self._begun(listing, firing, receivers, now)], now)

    async def _note_seen(self, listing: Listing, firing: dict[str, tools.Firing], now: datetime) -> set[str]:
        """Write down what was seen for the first time; returns the receivers that alerts came here by."""
        self._remember(listing, now)
        seen = [(firing[fingerprint], self._recent[fingerprint]) for fingerprint in firing.keys() & self._recent.keys()]
        receivers = {one.receiver for one, there in seen if one.receiver in there.receivers}
        new = [one.identity for one, _ in seen if not one.seen]
        async with self._services.database.write() as connection:
            await tools.note_seen(connection, self.name, new, receivers, now)
        return receivers

    def _remember(self, listing: Listing, now: datetime) -> None:
        """What is delivered may be gone from the list by the next look: it was in the one before."""
        if listing.running_since != self._running_since:
            self._running_since, self._held = listing.running_since, set()
        self._held |= listing.alerts.keys()
        self._recent = {name: one for name, one in self._recent.items() if now - one.at < REMEMBERED}
        self._recent |= {name: _Recent(now, one.receivers) for name, one in listing.alerts.items()}
        self._held &= self._recent.keys()

    async def _ended(self, listing: Listing, firing: dict[str, tools.Firing], now: datetime) -> list[AlertEvent]:
        """Resolutions of what the list has not had for long enough."""
        young = listing.running_since is not None and now - listing.running_since < SETTLE
        says_nothing = listing.alerts.keys() | (firing.keys() - self._held if young else set())
        gone = [
            one
            for fingerprint, one in firing.items()
            if (one.seen or fingerprint in self._recent) and fingerprint not in says_nothing
        ]
        self._missing = since = {one.identity: self._missing_since(one, now) for one in gone}
        over = [identity for identity, at in since.items() if now - at >= self._lasting][:MOST_AT_ONCE]
        async with self._services.database.read() as connection:
            ended = await alerts.current_by_identity(connection, over)
        return [_resolution(alert, since[alert.identity]) for alert in ended.values()]

    def _missing_since(self, one: tools.Firing, now: datetime) -> datetime:
        """What was delivered after it was found missing fired then: it counts anew."""
        since = self._missing.get(one.identity, now)
        return since if one.received_at <= since else now

    def _begun(
        self, listing: Listing, firing: dict[str, tools.Firing], receivers: set[str], now: datetime
    ) -> Iterator[AlertEvent]:
        """Firings of what the list has had for long enough, and no delivery brought here."""
        beats = self._services.rules.heartbeats_in
        absent = [
            one
            for fingerprint, one in listing.alerts.items()
            if one.active and fingerprint not in firing and one.receivers & receivers and not beats(one.labels)
        ]
        self._undelivered = {one.fingerprint: self._undelivered.get(one.fingerprint, now) for one in absent}
        for one in absent[:MOST_AT_ONCE]:
            since = self._undelivered[one.fingerprint]
            if now - since >= self._lasting:
                yield _firing(self.name, one, min(one.receivers & receivers), since)

    async def _append(self, events: list[AlertEvent], now: datetime) -> None:
        if not events:
            return
        rules = self._services.rules
        ended = sum(event.status is AlertStatus.RESOLVED for event in events)
        log.warning("tools.alerts_differed", tool=self.name, ended=ended, begun=len(events) - ended)
        await self._services.look_up(events)
        events = rules.enrichment.of_alerts(events)
        entries = entries_for(events, self.name, now, rules.correlation.partition_by, rules.partitions)
        await self._services.inbox.append(self._services.inbox.fitted(entries))


def _resolution(alert: Alert, since: datetime) -> AlertEvent:
    return msgspec.structs.replace(resolution_of(alert, since, EndedBy.RECONCILED), listed_at=since)


def _firing(source: str, one: Listed, receiver: str, since: datetime) -> AlertEvent:
    return AlertEvent(
        source=source,
        fingerprint=one.fingerprint,
        status=AlertStatus.FIRING,
        labels=one.labels,
        starts_at=one.starts_at,
        annotations=one.annotations,
        link=one.link,
        receiver=receiver,
        listed_at=since,
    )
