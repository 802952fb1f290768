"""The figures of ``/incident stats`` as metrics, for a dashboard: of all incidents, of each team and of each service.

Names are those that tandem.yaml or the topology knows, so that their number is bounded whatever alerts say: all others
count together.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from bot.domain.access.team import Teams
from bot.domain.review.statistics import NOBODY, Figures, Life, by_name, figures_of
from bot.errors import StorageUnavailable
from bot.observability.metrics import (
    REVIEW_ACKNOWLEDGE,
    REVIEW_INCIDENTS,
    REVIEW_NIGHTS,
    REVIEW_NOISE,
    REVIEW_REOPENED,
    REVIEW_RESOLVE,
    REVIEW_VERIFIED,
)
from bot.storage.database import Database
from bot.storage.queries.listed.statistics import lives_since

EVERY = 300.0
DAYS = (7, 30)
MOST_NAMES = 200
OTHERS = "(others)"
_GAUGES = {
    "incidents": REVIEW_INCIDENTS,
    "mtta": REVIEW_ACKNOWLEDGE,
    "mttr": REVIEW_RESOLVE,
    "reopened": REVIEW_REOPENED,
    "verified": REVIEW_VERIFIED,
    "noise": REVIEW_NOISE,
    "nights": REVIEW_NIGHTS,
}

Names = Callable[[Life], list[str]]
Reviewed = Mapping[tuple[str, str, str], Figures]
"""By days, kind of name, and name."""

log = structlog.get_logger(__name__)


class ReviewMetrics:
    """One replica has the role of publishing them; what it published goes when it has it no more."""

    def __init__(
        self, database: Database, teams: Teams, services: Collection[str], clock: Callable[[], datetime]
    ) -> None:
        self._database, self._teams, self._clock = database, teams, clock
        self._services = frozenset(services)

    async def run(self) -> None:
        """Publish until cancelled."""
        try:
            while True:
                try:
                    await self.publish()
                except StorageUnavailable as error:
                    log.warning("review.storage", reason=str(error))
                await asyncio.sleep(EVERY)
        finally:
            withdraw()

    async def publish(self) -> None:
        """Raises StorageUnavailable."""
        now = self._clock()
        async with self._database.read() as connection:
            lives = await lives_since(connection, now - timedelta(days=max(DAYS)))
        reviewed = await asyncio.to_thread(self._reviewed, lives, now)
        withdraw()
        for labels, figures in reviewed.items():
            for figure, gauge in _GAUGES.items():
                value = getattr(figures, figure)
                if value is not None:
                    gauge.labels(*labels).set(value.total_seconds() if isinstance(value, timedelta) else value)

    def _reviewed(self, lives: Sequence[Life], now: datetime) -> Reviewed:
        zone = datetime.now().astimezone().tzinfo or UTC
        found: dict[tuple[str, str, str], Figures] = {}
        for days in DAYS:
            since = now - timedelta(days=days)
            some = [life for life in lives if life.called_at >= since]
            found[str(days), "all", ""] = figures_of(some, zone)
            for by, names in (("team", self._teams_of), ("service", self._services_of)):
                grouped = by_name(some, _bounded(some, names), zone)
                found |= {(str(days), by, name): figures for name, figures in grouped.items()}
        return found

    def _teams_of(self, life: Life) -> list[str]:
        known = [name for name in self._teams.of_incident(life.team, life.services) if name in self._teams]
        return known or [NOBODY]

    def _services_of(self, life: Life) -> list[str]:
        known = [service for service in life.services if service in self._services]
        return known if len(known) == len(life.services) else [*known, OTHERS]


def _bounded(lives: Sequence[Life], names: Names) -> Names:
    """The same names, but of very many those with few incidents count together."""
    counts = Counter(name for life in lives for name in names(life))
    most = {name for name, _ in counts.most_common(MOST_NAMES)}

    def bounded(life: Life) -> list[str]:
        return [name if name in most else OTHERS for name in names(life)]

    return bounded


def withdraw() -> None:
    """Publish nothing."""
    for gauge in _GAUGES.values():
        gauge.clear()
