"""What a verification reads beside the alerts: monitors, and whether the sources of alerts still live.

Alertmanager ends an alert by itself where Prometheus no longer renews it, and reports that end as any other. Its own
list has until when each alert counts as firing: one that ended no sooner than that was not ended by Prometheus. And a
heartbeat that an alert carries (Prometheus's Watchdog) is missed where nothing is sent any more.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, identity_of
from bot.domain.event import AlertEvent, AlertStatus, EndedBy, domain_of
from bot.domain.rules import Rules
from bot.domain.runs.verification import Listing, Look
from bot.remediation.asking import Probe, QueryReader, no_probe, no_query
from bot.remediation.charts.before_after import HistoryReader, no_history

MonitorReader = Callable[[AsyncConnection, str, datetime], Awaitable[Look]]
"""What a monitor (``MODEL/MONITOR``) has found in rows that came after a moment."""
Name = tuple[str, str]
"""The source of an alert, and its fingerprint there."""
ListingReader = Callable[[], Awaitable[Mapping[str, Listing]]]
"""The lists of the sources that can be asked, and that answer."""


async def no_monitor(_connection: AsyncConnection, monitor: str, _since: datetime) -> Look:
    """Where nothing is known of monitors."""
    return Look(unproven=[f"the monitor {monitor} is not known here"])


async def no_listings() -> Mapping[str, Listing]:
    """Where no source can be asked."""
    return {}


@dataclass(frozen=True)
class Evidence:
    """``watchdogs``: the identities of the alerts that say that nothing is sent any more, with the heartbeat's name."""

    monitor: MonitorReader = no_monitor
    query: QueryReader = no_query
    probe: Probe = no_probe
    listings: ListingReader = no_listings
    watchdogs: Mapping[str, str] = field(default_factory=dict)
    history: HistoryReader = no_history


def watchdogs_in(rules: Rules) -> dict[str, str]:
    """The alerts of the heartbeats that an alert carries; a ping says nothing of whoever sends alerts."""
    found = {}
    for name, heartbeat in rules.heartbeats.items():
        if heartbeat.alert is not None:
            labels = dict(heartbeat.labels)
            missed = AlertEvent("tandem", f"heartbeat/{name}", AlertStatus.FIRING, labels, datetime.min)
            found[identity_of(domain_of(labels, rules.correlation.partition_by), missed)] = name
    return found


class Renewals:
    """What the sources of the watched alerts have of them, as they had it last."""

    def __init__(self, read: ListingReader) -> None:
        self._read = read
        self._planned: dict[Name, datetime] = {}
        self._seen: dict[str, set[str]] = {}
        self._running_since: dict[str, datetime | None] = {}
        self._gone: set[Name] = set()

    async def refresh(self, now: datetime) -> None:
        """Ask again. A source that does not answer leaves what is known; what was ended stays so until it is back."""
        for source, listing in (await self._read()).items():
            if self._running_since.get(source, listing.running_since) != listing.running_since:
                self._seen[source] = set()  # it may have forgotten what it had
            self._running_since[source] = listing.running_since
            seen = self._seen.setdefault(source, set())
            seen.update(listing.ends)
            self._planned |= {(source, fingerprint): at for fingerprint, at in listing.ends.items()}
            missing = {(source, fingerprint) for fingerprint in seen - listing.ends.keys()}
            self._gone = {name for name in self._gone if name[0] != source or name in missing}
            self._gone |= {name for name in missing if self._planned[name] > now}

    def corrected(self, alert: Alert) -> Alert:
        """The alert as its source has it.

        One that ended no sooner than it was to end without being renewed has not been ended by anybody; one that fires
        here and is gone from the source's list before that moment was, and nothing was delivered of it.
        """
        name = (alert.source, alert.fingerprint)
        planned = self._planned.get(name)
        if alert.firing:
            ended = name in self._gone
            return replace(alert, status=AlertStatus.RESOLVED, ended_by=EndedBy.RECONCILED) if ended else alert
        lapsed = planned is not None and alert.ends_at is not None and alert.ends_at >= planned
        return replace(alert, ended_by=EndedBy.SOURCE_SILENT) if lapsed else alert
