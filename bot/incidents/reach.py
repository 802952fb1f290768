"""What a silence would hold back, measured by what fired lately; said to whoever makes it, before it is made."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import NamedTuple

from bot.domain.matcher import Matcher, matches_all
from bot.domain.silence import matches_whatever
from bot.storage.database import Database
from bot.storage.queries import alerts
from bot.storage.queries.alerts import Fired

LATELY = timedelta(hours=24)
MOST_FIRED = 5000
"""So many of the latest alerts are looked at."""
_FEW = 5
"""Of fewer alerts, half of them says nothing."""
_SLICE = 250
_NAMED, _VALUES = 3, 4


class Reach(NamedTuple):
    """Of ``fired`` alerts of the last day it matches ``matched``; of these ``firing`` fire now.

    ``whatever`` says that it matches whatever the labels are. ``services`` are those of the matched ones, or those
    that the matchers name. ``hints`` say why nothing matches, where nothing does.
    """

    fired: int
    matched: int
    firing: int
    whatever: bool
    names: Sequence[str]
    services: frozenset[str]
    hints: Sequence[str]

    @property
    def too_broad(self) -> bool:
        return self.whatever or (self.fired >= _FEW and self.matched * 2 > self.fired)

    def in_words(self) -> str:
        """As in ``18 of the 20 alerts of the last 24 hours (3 fire now): DiskFull, HighLatency``."""
        if not self.fired:
            return "no alert, as none fired in the last 24 hours"
        alerts = "the only alert" if self.fired == 1 else f"the {self.fired} alerts"
        count = f"{self.matched or 'none'} of {alerts}"
        now = f" ({self.firing} fire{'s' if self.firing == 1 else ''} now)" if self.matched else ""
        return f"{count} of the last 24 hours{now}" + (f": {', '.join(self.names)}" if self.names else "")


async def reach_of(
    database: Database, matchers: Sequence[Matcher], now: datetime, domains: Collection[str] | None = None
) -> Reach:
    """Measured by the alerts of these domains, or of all. Raises StorageUnavailable."""
    async with database.read() as connection:
        fired = await alerts.fired_since(connection, now - LATELY, MOST_FIRED, domains)
    found: list[Fired] = []
    for start in range(0, len(fired), _SLICE):
        found += [one for one in fired[start : start + _SLICE] if matches_all(list(matchers), one.labels)]
        await asyncio.sleep(0)
    named = frozenset(m.value for m in matchers if m.operator == "=" and any(m.value == one.service for one in fired))
    return Reach(
        fired=len(fired),
        matched=len(found),
        firing=sum(one.firing for one in found),
        whatever=matches_whatever(matchers),
        names=[name for name, _ in Counter(one.name for one in found).most_common(_NAMED)],
        services=frozenset(one.service for one in found if one.service) or named,
        hints=[] if found or not fired else list(_hints(matchers, [one.labels for one in fired])),
    )


def _hints(matchers: Iterable[Matcher], labels: Sequence[Mapping[str, str]]) -> Iterable[str]:
    """For each matcher that alone matches nothing, what there is instead."""
    known = {label for one in labels for label in one}
    for matcher in matchers:
        if any(matches_all([matcher], one) for one in labels):
            continue
        if matcher.label not in known:
            near = get_close_matches(matcher.label, known, n=1)
            yield f"no alert has a label {matcher.label}" + (f": did you mean {near[0]}?" if near else "")
            continue
        values = Counter(one[matcher.label] for one in labels if matcher.label in one)
        near = get_close_matches(matcher.value, values, n=1)
        usual = ", ".join([value for value, _ in values.most_common(_VALUES)])
        yield f"{matcher} matches no alert: " + (f"did you mean {near[0]}?" if near else f"{matcher.label} is {usual}")
