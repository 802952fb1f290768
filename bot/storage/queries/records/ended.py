"""Runs that have ended, as far as the record of their runbook needs them."""

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.run import Announcement, Decision, PlannedStep, RunStatus
from bot.domain.runs.parameter import Value
from bot.storage.database import table_of
from bot.storage.run_ends import End
from bot.storage.seal import Seal
from bot.storage.tables.core import IncidentRow
from bot.storage.tables.runs import RunRow

MOST = 1000
_RUN, _INCIDENT = table_of(RunRow), table_of(IncidentRow)
_NAMES = ("id", "status", "plan", "decisions", "cause", "earned", "announced", "runbook", "end_seal")
_COLUMNS = [_RUN.c[name] for name in _NAMES]


class EndedPlan(msgspec.Struct, frozen=True):
    definition: str
    steps: list[PlannedStep]
    targets: list[str] = []
    parameters: dict[str, Value] = {}


class Ended(msgspec.Struct, frozen=True):
    """``part_of`` is the incident that the run's own became part of."""

    id: str
    status: RunStatus
    plan: EndedPlan
    decisions: list[Decision]
    cause: str
    earned: bool | None
    announced: Announcement | None
    part_of: str | None
    runbook: str
    end_seal: str

    def is_authentic(self, seal: Seal | None) -> bool:
        """Whether it ended so by Tandem's own word."""
        end = End(
            id=self.id,
            runbook=self.runbook,
            status=self.status,
            earned=self.earned,
            cause=self.cause,
            announced=self.announced is not None,
            decisions=self.decisions,
            definition=self.plan.definition,
            targets=self.plan.targets,
            parameters=self.plan.parameters,
            steps=self.plan.steps,
        )
        return end.is_authentic(seal, self.end_seal)


async def ended_runs(connection: AsyncConnection, domain: str, runbook: str) -> list[Ended]:
    """The last runs of a runbook in a correlation domain that ran, or were stopped before, the oldest first."""
    ran = [status.value for status in RunStatus if status.ran]
    stopped = (_RUN.c.status == RunStatus.REJECTED.value) & _RUN.c.announced.is_not(None)
    rows = await connection.execute(
        select(*_COLUMNS, _INCIDENT.c.part_of)
        .join(_INCIDENT, _INCIDENT.c.id == _RUN.c.incident_id)
        .where(_INCIDENT.c.domain == domain, _RUN.c.runbook == runbook, or_(_RUN.c.status.in_(ran), stopped))
        .where(_RUN.c.drill.is_(False))
        .order_by(_RUN.c.ended_at.desc(), _RUN.c.id)
        .limit(MOST)
    )
    return [msgspec.convert(dict(row), Ended) for row in reversed(rows.mappings().all())]


async def causes_seen(connection: AsyncConnection, domain: str, runbook: str) -> list[str]:
    """The kinds of cause that runs of a runbook were started for."""
    query = (
        select(_RUN.c.cause)
        .join(_INCIDENT, _INCIDENT.c.id == _RUN.c.incident_id)
        .where(_INCIDENT.c.domain == domain, _RUN.c.runbook == runbook, _RUN.c.cause != "")
        .where(_RUN.c.drill.is_(False))
        .distinct()
    )
    return sorted(await connection.scalars(query))


async def domains_seen(connection: AsyncConnection) -> list[str]:
    """The correlation domains in which there were runs."""
    query = select(_INCIDENT.c.domain).join(_RUN, _RUN.c.incident_id == _INCIDENT.c.id).where(_RUN.c.drill.is_(False))
    query = query.distinct()
    return sorted(await connection.scalars(query))
