"""The verdict on a service, or a model, since a change: worse, not worse, or too early to say."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.duration import format_duration
from bot.storage.queries.records import service as records
from bot.storage.queries.records.service import Began
from detectors.worse import ALPHA, evidence_of_more

BEFORE = timedelta(days=7)
_PRIOR = timedelta(days=1)
"""Of a service about which little is known it is taken that one alert a day begins on it."""
_REMEMBERED = timedelta(days=90)
_MOST_NAMED = 5


@dataclass(frozen=True)
class Question:
    """``settle``: for how long nothing new is to be wrong; ``domains`` is None for all."""

    service: str
    since: datetime
    settle: timedelta
    described: bool
    domains: Collection[str] | None = None


@dataclass(frozen=True)
class Known:
    """What is known of the service: alerts that began since the change, and how many before it within a time.

    ``silent`` are senders that are no longer heard, ``delays`` how long after changes of before trouble began.
    """

    known: bool
    began: Sequence[Began]
    before: int
    exposure: timedelta
    silent: Sequence[str]
    delays: Sequence[timedelta]


@dataclass(frozen=True)
class Judgement:
    ok: bool | None
    confidence: float
    reasons: list[str]


async def look(connection: AsyncConnection, question: Question, now: datetime) -> Known:
    """What is known at a moment."""
    service, since, domains = question.service, question.since, question.domains
    start = max(since - BEFORE, await records.watched_since(connection) or since)
    return Known(
        known=question.described or await records.is_known(connection, service, domains),
        began=await records.began(connection, service, since, now + timedelta(days=1), domains),
        before=len(await records.began(connection, service, since - BEFORE, since, domains)),
        exposure=max(since - start, timedelta(0)),
        silent=await records.silent_senders(connection, domains),
        delays=await records.delays_of_changes(connection, now - _REMEMBERED, domains),
    )


def judge(question: Question, known: Known, now: datetime) -> Judgement:
    """Worse, where alerts begin so much more often than in the week before that chance explains it once in 20 at most,
    however often that is asked. Not worse, where nothing new is wrong for long enough. Else it is too early."""
    elapsed = max(now - question.since, timedelta(0))
    if not known.known:
        return Judgement(None, 0.0, [f"nothing is known of {question.service}"])
    rate = (known.before + 1) / (known.exposure + _PRIOR).total_seconds()
    moments = sorted((one.at - question.since).total_seconds() for one in known.began)
    evidence = max((evidence_of_more(n, rate * max(at, 1.0)) for n, at in enumerate(moments, 1)), default=0.0)
    usual = f"{known.before} began in the {format_duration(known.exposure)} before"
    if known.began and evidence >= 1 / ALPHA:
        return Judgement(False, round(1 - 1 / evidence, 4), [f"{_named(known.began)} since the change; {usual}"])
    if known.silent:
        return Judgement(None, 0.0, [f"{', '.join(known.silent)}: who should report does not"])
    if firing := [one for one in known.began if one.firing]:
        return Judgement(None, 0.0, [f"{_named(firing)} since the change, which is not unusual yet; {usual}"])
    if elapsed < question.settle:
        left = format_duration(question.settle - elapsed)
        return Judgement(None, 0.0, [f"nothing new is wrong so far; it is too early for another {left}"])
    return Judgement(True, _shown(known.delays, elapsed), [_why_not_worse(known, elapsed)])


def _shown(delays: Sequence[timedelta], elapsed: timedelta) -> float:
    """The share of the changes that caused trouble whose trouble had begun by so long after them (Laplace's rule)."""
    return round((sum(delay <= elapsed for delay in delays) + 1) / (len(delays) + 2), 4)


def _why_not_worse(known: Known, elapsed: timedelta) -> str:
    shown = sum(delay <= elapsed for delay in known.delays)
    of_before = (
        f"; of {len(known.delays)} changes that caused incidents, {shown} had shown by then" if known.delays else ""
    )
    return f"nothing is wrong that was not before, for {format_duration(elapsed)}{of_before}"


def _named(began: Sequence[Began]) -> str:
    counted = Counter(one.name for one in began).most_common()
    shown = [f"{name} × {count}" if count > 1 else name for name, count in counted[:_MOST_NAMED]]
    more = f" and {len(counted) - _MOST_NAMED} more" if len(counted) > _MOST_NAMED else ""
    return f"{', '.join(shown)}{more} began"
