"""What a verification asks of others: Prometheus queries, requests and gates, each again from time to time.

What did not answer shows nothing. An answer counts until the next one, and none from before the verification.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from bot.domain.run import GATE, PlannedStep, Run
from bot.domain.runs.query import PlannedQuery
from bot.domain.runs.verification import Look
from bot.remediation.executors import Outcome, Protection, StepContext, execute

QueryReader = Callable[[PlannedQuery, datetime, datetime], Awaitable[Look]]
"""What a query shows for an incident that began at a moment, now."""
Probe = Callable[[Run, PlannedStep], Awaitable[Outcome]]
"""Performs a step that only looks."""
EVERY, GATE_EVERY = 2.0, 30.0
WITHIN, GATE_WITHIN = 10.0, 300.0
_MOST_SAID = 200


async def no_query(query: PlannedQuery, _opened_at: datetime, _now: datetime) -> Look:
    """Where no Prometheus is known."""
    return Look(unproven=[f"{query.name} cannot be read: no Prometheus is known here"])


async def no_probe(_run: Run, _step: PlannedStep) -> Outcome:
    """Where nothing is performed."""
    return Outcome(False, "it cannot be performed here")


async def perform_probe(run: Run, step: PlannedStep, secrets: Mapping[str, str], protection: Protection) -> Outcome:
    """Perform a step that only looks, for a verification."""
    return await execute(step, StepContext(run.id, run.incident_id, "verify", secrets, protection, drill=run.drill))


class Asked:
    """The queries and probes of one run, and what each showed last."""

    def __init__(self, run: Run, opened_at: datetime, read: QueryReader, probe: Probe) -> None:
        self._run, self._opened_at = run, opened_at
        self._read, self._probe = read, probe
        waiting = [f"{one.name} was not asked yet" for one in run.plan.queries]
        waiting += [f"{step.name} was not asked yet" for step in run.plan.probes]
        self._looks = [Look(unproven=[why]) for why in waiting]
        self._asked = [float("-inf")] * len(self._looks)

    @property
    def look(self) -> Look:
        """All of it together."""
        return sum(self._looks, Look())

    async def refresh(self, now: datetime, elapsed: float) -> None:
        """Ask whatever is due ``elapsed`` seconds after the beginning, all at once."""
        due = [at for at, before in enumerate(self._asked) if elapsed - before >= self._every(at)]
        for at, look in zip(due, await asyncio.gather(*(self._ask(at, now) for at in due)), strict=True):
            self._looks[at], self._asked[at] = look, elapsed

    def _every(self, at: int) -> float:
        return GATE_EVERY if at >= self._queries and self._probe_at(at).kind == GATE else EVERY

    @property
    def _queries(self) -> int:
        return len(self._run.plan.queries)

    def _probe_at(self, at: int) -> PlannedStep:
        return self._run.plan.probes[at - self._queries]

    async def _ask(self, at: int, now: datetime) -> Look:
        if at < self._queries:
            return await self._read(self._run.plan.queries[at], self._opened_at, now)
        step = self._probe_at(at)
        seconds = GATE_WITHIN if step.kind == GATE else WITHIN
        try:
            async with asyncio.timeout(seconds):
                outcome = await self._probe(self._run, step)
        except TimeoutError:
            return Look(unproven=[f"{step.name} did not answer within {seconds:g} s"])
        if outcome.ok:
            return Look()
        return Look(unmet=[f"{step.name} is not as it should be: {_first_line(outcome.output)}"])


def _first_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[0][:_MOST_SAID] if lines else "it said nothing"
