"""Runs of runbooks, what was done of each step, and which run works on which target."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import RowMapping, column, delete, select, table, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.run import GatePreview, Phase, Run, RunStatus, StepRecord
from bot.domain.runs.verification import Progress
from bot.errors import LostLease
from bot.storage.database import insert_missing, row_of, table_of, upsert
from bot.storage.seal import Seal, seal_of
from bot.storage.tables.core import IncidentRow
from bot.storage.tables.runs import RunRow, RunTargetRow, StepRow

_RUN = table_of(RunRow)
_INCIDENT = table_of(IncidentRow)
_STEP = table_of(StepRow)
_TARGET = table_of(RunTargetRow)
# Of DBOS, in the same database: https://docs.dbos.dev/explanations/system-tables
_WORKFLOW = table("workflow_status", column("workflow_uuid"), column("owner_xid"), schema="dbos")


class Claim(msgspec.Struct, frozen=True):
    """A run and the token of the one process that carries it out; a run that is handed on gets another token."""

    run_id: str
    owner: str


async def check_claim(connection: AsyncConnection, claim: Claim) -> None:
    """Raises LostLease where the run was handed on; otherwise it is not until the transaction ends.

    On SQLite one process is alone, and its workflows are in another file.
    """
    if connection.dialect.name != "postgresql":
        return
    mine = select(_WORKFLOW.c.owner_xid).where(
        _WORKFLOW.c.workflow_uuid == claim.run_id, _WORKFLOW.c.owner_xid == claim.owner
    )
    if (await connection.execute(mine.with_for_update(read=True))).first() is None:
        raise LostLease(f"run {claim.run_id} was handed to another process")


def _run(row: RowMapping) -> Run:
    return msgspec.convert(dict(row), Run)


async def save(connection: AsyncConnection, runs: Sequence[Run]) -> None:
    await upsert(connection, _RUN, [row_of(run) for run in runs])


def sealed(connection: AsyncConnection, run: Run) -> Run:
    """The run with the seal of what was offered and decided, where the database is opened with one."""
    seal = seal_of(connection)
    return msgspec.structs.replace(run, seal=seal.of("run", *_sealed_of(run))) if seal else run


def is_authentic(seal: Seal | None, run: Run) -> bool:
    """Whether a run is as Tandem wrote it: its plan, who may approve it until when, and who did."""
    return seal is None or seal.holds(run.seal, "run", *_sealed_of(run))


def _sealed_of(run: Run) -> list[str]:
    made = [run.created_at, run.expires_at, *(decision.at for decision in run.decisions)]
    times = [moment.astimezone(UTC).isoformat() for moment in made]
    decided = [[decision.verdict, decision.user] for decision in run.decisions]
    lists = [msgspec.json.encode(one).decode() for one in (run.approvers, times, decided)]
    return [run.id, run.runbook, run.plan_hash, str(run.required), *lists]


async def not_ended(connection: AsyncConnection) -> list[Run]:
    return await with_status(connection, [status for status in RunStatus if not status.ended])


async def save_gate(connection: AsyncConnection, run_id: str, look: GatePreview) -> None:
    """Keep what the gates of an offer said; nothing else of the run is written."""
    await connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(gate=look))


async def save_progress(connection: AsyncConnection, run_id: str, progress: Progress) -> None:
    """Keep how far the verification of a run has come; nothing else of the run is written."""
    await connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(verification=progress))


async def by_id(connection: AsyncConnection, run_id: str, *, lock: bool = False) -> Run | None:
    query = select(_RUN).where(_RUN.c.id == run_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().first()
    return _run(row) if row else None


async def of_incidents(connection: AsyncConnection, incident_ids: Iterable[str]) -> dict[str, list[Run]]:
    """The runs of incidents, the oldest first."""
    found: dict[str, list[Run]] = {incident_id: [] for incident_id in incident_ids}
    rows = await connection.execute(
        select(_RUN).where(_RUN.c.incident_id.in_(list(found))).order_by(_RUN.c.created_at, _RUN.c.id)
    )
    for row in rows.mappings():
        found[row["incident_id"]].append(_run(row))
    return found


async def with_status(connection: AsyncConnection, statuses: Iterable[RunStatus]) -> list[Run]:
    """The runs in any of these states, the oldest first."""
    wanted = [status.value for status in statuses]
    rows = await connection.execute(select(_RUN).where(_RUN.c.status.in_(wanted)).order_by(_RUN.c.created_at))
    return [_run(row) for row in rows.mappings()]


async def last_that_ran(connection: AsyncConnection, domain: str, runbook: str, since: datetime) -> list[Run]:
    """The runs of a runbook in a correlation domain that have ended since a moment, the newest first."""
    ran = [status.value for status in RunStatus if status.ran]
    rows = await connection.execute(
        select(_RUN)
        .join(_INCIDENT, _INCIDENT.c.id == _RUN.c.incident_id)
        .where(_RUN.c.runbook == runbook, _RUN.c.status.in_(ran), _RUN.c.ended_at >= since)
        .where(_INCIDENT.c.domain == domain)
        .order_by(_RUN.c.ended_at.desc())
        .limit(10)
    )
    return [_run(row) for row in rows.mappings()]


async def save_step(connection: AsyncConnection, record: StepRecord) -> None:
    await upsert(connection, _STEP, [row_of(record)])


async def step_of(connection: AsyncConnection, run_id: str, phase: Phase, position: int) -> StepRecord | None:
    rows = await connection.execute(
        select(_STEP).where(_STEP.c.run_id == run_id, _STEP.c.phase == phase.value, _STEP.c.position == position)
    )
    row = rows.mappings().first()
    return msgspec.convert(dict(row), StepRecord) if row else None


async def steps_of(connection: AsyncConnection, run_ids: Sequence[str]) -> list[StepRecord]:
    """What was done of runs, in the order in which it was begun."""
    rows = await connection.execute(
        select(_STEP).where(_STEP.c.run_id.in_(run_ids)).order_by(_STEP.c.run_id, _STEP.c.started_at, _STEP.c.position)
    )
    return [msgspec.convert(dict(row), StepRecord) for row in rows.mappings()]


async def take_targets(
    connection: AsyncConnection, domain: str, targets: Sequence[str], run_id: str, now: datetime
) -> Run | None:
    """Take all of the targets for a run, or none: then the run that works on one of them is returned.

    A target of a run that has ended, or is no longer known, is taken over.
    """
    wanted = sorted(set(targets))
    rows = [{"domain": domain, "target": target, "run_id": run_id, "since": now} for target in wanted]
    await insert_missing(connection, _TARGET, rows)
    mine = (_TARGET.c.domain == domain, _TARGET.c.target.in_(wanted))
    query = select(_TARGET.c.run_id).where(*mine).order_by(_TARGET.c.target).with_for_update()
    for holder_id in dict.fromkeys(await connection.scalars(query)):
        holder = await by_id(connection, holder_id) if holder_id != run_id else None
        if holder is not None and not holder.status.ended:
            await release_targets(connection, run_id)
            return holder
    await connection.execute(update(_TARGET).where(*mine).values(run_id=run_id, since=now))
    return None


async def target_holder(connection: AsyncConnection, domain: str, targets: Sequence[str], run_id: str) -> Run | None:
    """Another run that works on one of the targets, without taking any."""
    query = select(_TARGET.c.run_id).where(
        _TARGET.c.domain == domain, _TARGET.c.target.in_(list(targets)), _TARGET.c.run_id != run_id
    )
    for holder_id in dict.fromkeys(await connection.scalars(query.order_by(_TARGET.c.target))):
        holder = await by_id(connection, holder_id)
        if holder is not None and not holder.status.ended:
            return holder
    return None


async def release_targets(connection: AsyncConnection, run_id: str) -> None:
    """Give back what a run holds."""
    await connection.execute(delete(_TARGET).where(_TARGET.c.run_id == run_id))
