"""What is unlike before, as a sentence for people: ``cart answers in 840 ms, usually 180 to 260``."""

from collections.abc import Mapping

from bot.domain.watched.in_words import mean_latency, measure_of
from bot.domain.watched.measured import LATENCY, reading_of
from detectors.groups import Outlier
from detectors.groups.member import Member, Off

_LEAST_BEFORE = 5
_OUT_OF_TEN = 10
_NAME = "__name__"

Members = Mapping[str, Member]


def off_course(member: Member, off: Off, members: Members, subject: str) -> str:
    """The value that is furthest from what was expected; of a sum of seconds, the mean that it makes with its count."""
    if said := _mean(member, off, members, subject):
        return said
    measure = measure_of(member.labels, member.ensemble.intake.counter is not None)
    return measure.of(subject, off.worst, measure.range(off.worst, off.low, off.high))


def unlike_peers(member: Member, found: Outlier, subject: str) -> str:
    measure = measure_of(member.labels, member.ensemble.intake.counter is not None)
    return measure.of(subject, found.value, measure.range(found.value, found.low, found.high, "others"))


def _mean(member: Member, off: Off, members: Members, subject: str) -> str:
    """Empty where the series is no sum of seconds, has no count beside it, or the mean is as usual."""
    means = _means(member, members)
    before = sorted(value for at, value in means if at < off.since)
    since = [value for at, value in means if at >= off.since]
    if len(before) < _LEAST_BEFORE or not since:
        return ""
    spared = len(before) // _OUT_OF_TEN
    low, high = before[spared], before[-1 - spared]
    worst = max(since, key=lambda value: max(low - value, value - high))
    measure = mean_latency()
    return "" if low <= worst <= high else measure.of(subject, worst, measure.range(worst, low, high))


def _means(member: Member, members: Members) -> list[tuple[float, float]]:
    """Seconds a request, by moment."""
    reading = reading_of(member.labels)
    if not member.ensemble.intake.counter or reading is None or (reading.metric, reading.part) != (LATENCY, "total"):
        return []
    name = member.labels[_NAME]
    beside = {**member.labels, _NAME: f"{name.removesuffix('_sum')}_count"}
    count = next((one for one in members.values() if one.labels == beside), None)
    counted = dict(count.recent.points()) if count else {}
    return [(at, value * reading.scale / counted[at]) for at, value in member.recent.points() if counted.get(at)]
