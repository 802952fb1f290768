"""What the overview shows beside incidents and services: who is on call, what was approved lately, what is noisy."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from bot.domain.noise import Noise
from bot.errors import StorageUnavailable
from bot.incidents.noise import noise_since
from bot.routing.schedules.roster import NowOnCall, Roster, notes_of
from bot.storage.queries.listed.runs import Approved, approved_since
from handlers.api.operation import Call, NoBody, NoQuery

LATELY = timedelta(days=7)
_KEPT, _SHOWN = timedelta(minutes=1), timedelta(minutes=10)
"""It is counted anew after the first, and not shown after the second."""
PATIENCE = 0.05
"""Seconds for which a page waits for it."""
_MOST_RUNS, _MOST_KINDS = 10, 10

log = structlog.get_logger(__name__)


class Duty(NamedTuple):
    """Who is on call in one schedule; ``notes`` say how sure that is."""

    schedule: str
    people: Sequence[str]
    until: datetime | None
    notes: Sequence[str]


class ApprovedRun(NamedTuple):
    title: str
    runbook: str
    number: int
    by: Sequence[str]
    at: datetime
    status: str
    outcome: str


async def on_call_now(roster: Roster) -> Sequence[Duty]:
    """Of every schedule of tandem.yaml: a schedule is of no correlation domain."""
    return [_duty(roster, one) for one in (await roster.now()).values()]


async def approved_lately(call: Call[NoQuery, NoBody]) -> Sequence[ApprovedRun]:
    async with call.database.read() as connection:
        found = await approved_since(connection, call.now - LATELY, call.caller.domains, _MOST_RUNS)
    return [_approved(one) for one in found]


class LatelyNoisy:
    """What is noisy in the domains of whoever asks. Of very many alerts that takes a while, so it is counted beside the
    page, at most once a minute; where it takes longer than a page may, the page shows what was counted before."""

    def __init__(self, span: timedelta = LATELY) -> None:
        self._span = span
        self._counted: dict[frozenset[str] | None, tuple[datetime, Sequence[Noise]]] = {}
        self._counting: dict[frozenset[str] | None, asyncio.Task[None]] = {}

    async def of(self, call: Call[NoQuery, NoBody]) -> Sequence[Noise] | None:
        """None while it is being counted for the first time, or after a long time."""
        domains = call.caller.domains
        if not self._is_younger(call, _KEPT):
            counting = self._counting.get(domains)
            if counting is None:
                counting = self._counting[domains] = asyncio.create_task(self._count(call))
            await asyncio.wait([counting], timeout=PATIENCE)
        return self._counted[domains][1] if self._is_younger(call, _SHOWN) else None

    async def close(self) -> None:
        for counting in (known := list(self._counting.values())):
            counting.cancel()
        await asyncio.gather(*known, return_exceptions=True)

    def _is_younger(self, call: Call[NoQuery, NoBody], span: timedelta) -> bool:
        counted = self._counted.get(call.caller.domains)
        return counted is not None and timedelta() <= call.now - counted[0] < span

    async def _count(self, call: Call[NoQuery, NoBody]) -> None:
        domains = call.caller.domains
        try:
            found = await noise_since(call.database, call.now - self._span, call.now, domains)
            self._counted[domains] = call.now, [one for one in found if not one.acted_upon][:_MOST_KINDS]
        except StorageUnavailable as error:
            log.warning("pages.noise_not_counted", reason=str(error))
        finally:
            del self._counting[domains]


def _duty(roster: Roster, one: NowOnCall) -> Duty:
    people = [*map(roster.name_of, one.people), *one.unknown]
    return Duty(one.schedule, people, one.turn.until, notes_of(one))


def _approved(found: Approved) -> ApprovedRun:
    run, number = found
    approvals = [one for one in run.decisions if one.verdict == "approve"]
    at = approvals[-1].at if approvals else run.created_at
    by = ["Tandem by itself"] if run.alone else [one.user for one in approvals]
    return ApprovedRun(run.plan.title, run.runbook, number, by, at, run.status, run.outcome)
