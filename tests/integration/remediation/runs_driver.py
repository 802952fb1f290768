"""A run under test: proposed by the pipeline, approved, and carried out while time is moved by hand."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, cast

import msgspec

from bot.domain.incident import Incident
from bot.domain.rules import Rules
from bot.domain.run import Run
from bot.domain.runbook import Runbook
from bot.incidents.guarding import guards_of
from bot.incidents.permissions import Who
from bot.remediation.approval import Terms, decide
from bot.remediation.evidence import Evidence
from bot.remediation.records import RunRecords
from bot.remediation.sequence import Once, carry_out
from bot.remediation.starting import Start
from bot.remediation.steps import Steps
from bot.remediation.verifying import Verifier
from bot.storage.queries import runs
from bot.storage.queries.runs import Claim
from tests.integration.pipeline_driver import Pipeline

Act = Callable[[], Awaitable[object]]


def book(**fields: Any) -> Runbook:
    """A runbook for the service ``checkout`` that does nothing, verified within a minute and stable for ten seconds."""
    return Runbook.model_validate(
        {
            "title": "Restart checkout",
            "when": {"service": "checkout"},
            "steps": [{"command": {"argv": ["true"]}}],
            "rollback": [{"command": {"argv": ["echo", "undone"]}}],
            "verify": {"within": "60s", "stable_for": "10s"},
            "approval": {"approvers": ["U1"]},
            **fields,
        }
    )


class Night:
    """``at`` says what happens so many seconds after the verification began."""

    def __init__(self, pipeline: Pipeline, runbooks: Mapping[str, Runbook], evidence: Evidence | None = None):
        self.pipeline, self.runbooks = pipeline, dict(runbooks)
        self.terms = Terms(self.runbooks, guards_of(pipeline.rules))
        self.seconds = 0.0
        self._due: list[tuple[float, Act]] = []
        self.records = RunRecords(pipeline.database, pipeline.clock, lambda: None, lambda: self.seconds)
        self.verifier = Verifier(self.records, evidence, timer=lambda: self.seconds, pause=self.pass_)
        self.steps = Steps(self.records, {}, Start(self.records, self.terms), self.verifier)

    def at(self, second: float, act: Act) -> None:
        self._due.append((second, act))

    async def pass_(self, seconds: float) -> None:
        self.seconds += seconds
        self.pipeline.clock.pass_(seconds=seconds)
        due = [act for second, act in self._due if second <= self.seconds]
        self._due = [(second, act) for second, act in self._due if second > self.seconds]
        for act in due:
            await act()

    async def approve(self, incident: Incident | None = None, runbook: str = "restart", who: Who = "U1") -> Run:
        incident = incident or await self.pipeline.only_incident()
        offered = [run for run in await self.pipeline.runs_of(incident) if run.runbook == runbook][-1]
        database, now = self.pipeline.database, self.pipeline.clock.now
        return await decide(database, self.terms, offered.id, offered.plan_hash, who, "approve", now)

    async def carry_out(self, run: Run) -> Run:
        """The run, to its end."""
        claim = Claim(run.id, "")

        async def once(work: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
            return await work(claim, *args)

        await carry_out(self.steps, cast("Once", once))
        return await self.load(run)

    async def load(self, run: Run) -> Run:
        async with self.pipeline.database.read() as connection:
            found = await runs.by_id(connection, run.id)
        assert found is not None
        return found


async def night(
    pipeline: Pipeline, evidence: Evidence | None = None, rules: Rules | None = None, **runbooks: Runbook
) -> Night:
    """The pipeline with these runbooks, and the rest of some rules."""
    runbooks = runbooks or {"restart": book()}
    known = msgspec.structs.replace(rules or Rules(), runbooks=runbooks)
    fresh = Pipeline(pipeline.database, pipeline.inbox, pipeline.clock, known)
    return Night(await fresh.prepare(), runbooks, evidence)
