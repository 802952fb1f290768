"""The seal of how a run ended: what its runbook earns by it is not decided by who can write the database."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.run import Decision, PlannedStep, Run, RunStatus
from bot.domain.runs.parameter import Value
from bot.storage.seal import Seal, seal_of

_PURPOSE = "run end"


class End(msgspec.Struct, frozen=True):
    """Everything of a run that has ended by which autonomy is earned or lost."""

    id: str
    runbook: str
    status: RunStatus
    earned: bool | None
    cause: str
    announced: bool
    decisions: Sequence[Decision]
    definition: str
    targets: Sequence[str]
    parameters: Mapping[str, Value]
    steps: Sequence[PlannedStep]

    @property
    def _parts(self) -> list[str]:
        decided = [[one.verdict, one.user] for one in self.decisions]
        work = [[one.kind, one.parameters] for one in self.steps]
        whole = [self.earned, self.announced, decided, self.targets, self.parameters, work]
        texts = [msgspec.json.encode(one, order="deterministic").decode() for one in whole]
        return [self.id, self.runbook, self.status.value, self.cause, self.definition, *texts]

    def sealed(self, seal: Seal) -> str:
        return seal.of(_PURPOSE, *self._parts)

    def is_authentic(self, seal: Seal | None, mac: str) -> bool:
        """Whether it ended so by Tandem's own word."""
        return seal is None or seal.holds(mac, _PURPOSE, *self._parts)


def with_sealed_end(connection: AsyncConnection, run: Run) -> Run:
    """The run with the seal of its end, once it has ended and where the database is opened with one."""
    seal = seal_of(connection)
    if seal is None or not run.status.ended:
        return run
    plan = run.plan
    end = End(
        id=run.id,
        runbook=run.runbook,
        status=run.status,
        earned=run.earned,
        cause=run.cause,
        announced=run.announced is not None,
        decisions=run.decisions,
        definition=plan.definition,
        targets=plan.targets,
        parameters=plan.parameters,
        steps=plan.steps,
    )
    return msgspec.structs.replace(run, end_seal=end.sealed(seal))
