"""What the overview shows beside incidents and services: who is on call, what was approved lately, what is noisy."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.routing.schedules.roster import NowOnCall, Roster, notes_of
from bot.storage.queries.listed.runs import Approved, approved_since
from bot.storage.queries.noise import Noisy, noisiest_since
from handlers.api.operation import Call, NoBody, NoQuery

LATELY = timedelta(days=7)
_KEPT = timedelta(minutes=1)
_MOST_RUNS, _MOST_KINDS = 10, 10


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
    """What is noisy in the domains of whoever asks, counted once a minute: of very many alerts that takes a while."""

    def __init__(self) -> None:
        self._counted: dict[frozenset[str] | None, tuple[datetime, Sequence[Noisy]]] = {}

    async def of(self, call: Call[NoQuery, NoBody]) -> Sequence[Noisy]:
        domains = call.caller.domains
        counted = self._counted.get(domains)
        if counted is None or not timedelta() <= call.now - counted[0] < _KEPT:
            async with call.database.read() as connection:
                found = await noisiest_since(connection, call.now - LATELY, domains, _MOST_KINDS)
            counted = self._counted[domains] = call.now, found
        return counted[1]


def _duty(roster: Roster, one: NowOnCall) -> Duty:
    people = [*map(roster.name_of, one.people), *one.unknown]
    return Duty(one.schedule, people, one.turn.until, notes_of(one))


def _approved(found: Approved) -> ApprovedRun:
    run, number = found
    approvals = [one for one in run.decisions if one.verdict == "approve"]
    at = approvals[-1].at if approvals else run.created_at
    by = ["Tandem by itself"] if run.alone else [one.user for one in approvals]
    return ApprovedRun(run.plan.title, run.runbook, number, by, at, run.status, run.outcome)
