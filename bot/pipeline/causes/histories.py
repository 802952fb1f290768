"""What watched metrics say of each service of a partition, by minute: kept by their watch, read to find causes.

Of at most ``MOST`` services; those that are silent for as long as a history reaches are forgotten.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from bot.domain.event import bounded, domain_of, fingerprint_of
from bot.domain.rules import Rules
from bot.domain.watched.measured import Reading, reading_of
from bot.pipeline.learning.service_graph import served_by
from detectors.groups.member import Member
from detectors.rootcause.finding import Finding
from detectors.rootcause.history import MINUTES, Amount, Family, History
from detectors.topology import Topology

MOST = 5_000
MOST_RANKED = 20
"""Rankings a minute, of some 70 ms each: in a storm of incidents the alerts' own cause comes first."""
_MOST_KEPT = 256
_LOOK_AGAIN_FOR = timedelta(minutes=5)
_MOST_LOOKED_AT = 20


Key: TypeAlias = tuple[Hashable, ...]


class Measured(NamedTuple):
    """What a series adds to, found once from its labels: the history's name, and how it is read."""

    history: str
    domain: str
    service: str
    family: Family
    reading: Reading


class _Ranked(NamedTuple):
    minute: int
    findings: list[Finding]


class Histories:
    """Of one partition, by the name of domain and service."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._topology = Topology(rules.depends_on)
        self._measured: dict[str, Measured | None] = {}
        self._shared: dict[Measured, Measured] = {}
        self.by_name: dict[str, History] = {}
        self._ranked: dict[Key, _Ranked] = {}
        self._minute, self._left = 0, MOST_RANKED
        self._looked_at: dict[str, tuple[datetime, datetime]] = {}

    def of(self, domain: str, service: str) -> History | None:
        return self.by_name.get(name_of(domain, service))

    def measured(self, series: str, labels: Mapping[str, str]) -> Measured | None:
        """What a series adds to; None where it tells nothing of a service, or there is no room for one more."""
        if series not in self._measured:
            measured = self._measure(labels)
            self._measured[series] = self._shared.setdefault(measured, measured) if measured else None
        found = self._measured[series]
        is_known = found is not None and (found.history in self.by_name or len(self.by_name) < MOST)
        return found if is_known else None

    def observe(self, measured: Measured, last_seen_at: float, latest: float) -> None:
        """Note a delivery; ``latest`` is the time of its last sample."""
        history = self.by_name.get(measured.history)
        if history is None:
            history = self.by_name[measured.history] = History(measured.domain, measured.service)
        history.observe(last_seen_at, latest)

    def add(self, measured: Measured, member: Member, at: float, before: float) -> None:
        """What a member made of the sample that it just took, the one before being of ``before``."""
        observed = member.ensemble.latest()
        counts = member.ensemble.intake.counter is not None
        if observed is None or counts != measured.reading.counter:
            return
        since_last = at - before if before > 0 else 0.0
        value = (observed * since_last if counts else observed) * measured.reading.scale
        self.by_name[measured.history].add(measured.family, at, since_last, _amount(measured.reading, value))

    def look_again_at(self, incident_id: str, opened_at: datetime, now: datetime) -> None:
        """Say that an incident was explained; while it is young, more may be known of it in a minute."""
        self._looked_at[incident_id] = opened_at + _LOOK_AGAIN_FOR, now

    def to_look_at(self, now: datetime) -> list[str]:
        """The incidents that were explained in an earlier minute and are young: a few at a time."""
        self._looked_at = {one: (until, at) for one, (until, at) in self._looked_at.items() if now <= until}
        due = [one for one, (_, at) in self._looked_at.items() if now - at >= timedelta(minutes=1)][:_MOST_LOOKED_AT]
        for one in due:
            until, _ = self._looked_at.pop(one)
            self._looked_at[one] = until, now
        return due

    def forget_series(self, series: str) -> None:
        self._measured.pop(series, None)

    def silent(self, now: float) -> Iterator[str]:
        """Those of which nothing was heard for as long as they reach back."""
        oldest = now - 60 * MINUTES
        return (name for name, history in list(self.by_name.items()) if history.last_seen_at < oldest)

    def ranked(self, key: Key, minute: int, rank: Callable[[], list[Finding]]) -> list[Finding]:
        """What is ranked under a key: once a minute, and of all keys a few; beyond that what was found last."""
        known = self._ranked.get(key)
        if minute != self._minute:
            self._minute, self._left = minute, MOST_RANKED
        if (known and known.minute == minute) or not self._left:
            return known.findings if known else []
        self._left -= 1
        if len(self._ranked) >= _MOST_KEPT:
            self._ranked.clear()
        self._ranked[key] = _Ranked(minute, rank())
        return self._ranked[key].findings

    def _measure(self, labels: Mapping[str, str]) -> Measured | None:
        reading = reading_of(labels)
        rules = self._rules.correlation
        service = bounded(served_by(labels)) or rules.about(labels, self._topology.described).service
        if reading is None or not service:
            return None
        domain = domain_of(labels, rules.partition_by)
        family = Family(f"{reading.family} {reading.statistic}", reading.metric, reading.statistic, reading.counter)
        return Measured(name_of(domain, service), domain, service, family, reading)


def name_of(domain: str, service: str) -> str:
    """A name that fits an index, and is another for every other pair."""
    return fingerprint_of({"domain": domain, "service": service})


def _amount(reading: Reading, value: float) -> Amount:
    if reading.part == "total":
        return Amount(total=value, number=0.0 if reading.counter else 1.0)
    failed = None if reading.failed is None else value if reading.failed else 0.0
    return Amount(number=value if reading.part == "number" else 0.0, failed=failed)
