"""Runs of runbooks, what was done of each step, and which run works on which target."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import RowMapping, column, delete, func, select, table, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.guards.hold import Hold
from bot.domain.run import Decision, GatePreview, Phase, Run, RunStatus, StepRecord
from bot.domain.runs.preview import Preview
from bot.domain.runs.verification import Progress
from bot.errors import LostLease
from bot.storage.database import insert_missing, row_of, table_of, upsert
from bot.storage.prepared import any_of
from bot.storage.run_ends import with_sealed_end
from bot.storage.seal import Seal, seal_of
from bot.storage.tables.core import IncidentRow
from bot.storage.tables.runs import RunRow, RunTargetRow, StepRow

_RUN = table_of(RunRow)
_INCIDENT = table_of(IncidentRow)
_STEP = table_of(StepRow)
_TARGET = table_of(RunTargetRow)
_WITH_STATUS = select(_RUN).where(_RUN.c.status.in_(any_of("statuses"))).order_by(_RUN.c.created_at)
# Of DBOS, in the same database: https://docs.dbos.dev/explanations/system-tables
_WORKFLOW = table("workflow_status", column("workflow_uuid"), column("owner_xid"), schema="dbos")
_STARTS = 0x7A2D0001
"""The advisory lock under which runs start. Leases have locks of their own, of two numbers each."""
_MOST_ENDED = 200


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
    """Write runs; those that have ended are sealed with how they did."""
    await upsert(connection, _RUN, [row_of(with_sealed_end(connection, run)) for run in runs])


def sealed(connection: AsyncConnection, run: Run) -> Run:
    """The run with the seal of what was offered and decided, where the database is opened with one."""
    seal = seal_of(connection)
    return msgspec.structs.replace(run, seal=seal.of("run", *_sealed_of(run))) if seal else run


def is_authentic(seal: Seal | None, run: Run) -> bool:
    """Whether a run is as Tandem wrote it: its plan, who may approve it until when, and who did."""
    return seal is None or seal.holds(run.seal, "run", *_sealed_of(run))


def _sealed_of(run: Run) -> list[str]:
    """What came later is part of it only where it is there, so that seals of before hold."""
    made = [run.created_at, run.expires_at, *(decision.at for decision in run.decisions)]
    times = [moment.astimezone(UTC).isoformat() for moment in made]
    decided = [[one.verdict, one.user, *_more(one)] for one in run.decisions]
    lists = [msgspec.json.encode(one).decode() for one in (run.approvers, times, decided)]
    later = [f"proposed by {run.proposed_by}"] if run.proposed_by else []
    later += [msgspec.json.encode(one).decode() for one in (run.glass, run.announced) if one]
    later += ["drill"] if run.drill else []
    return [run.id, run.runbook, run.plan_hash, str(run.required), *lists, *later]


def _more(decision: Decision) -> list[str | bool]:
    """What came later is part of it only where it is there."""
    preview = [decision.preview] if decision.preview else []
    return [decision.reason, decision.outside, *preview] if decision.reason or decision.outside or preview else []


async def not_ended(connection: AsyncConnection) -> list[Run]:
    return await with_status(connection, [status for status in RunStatus if not status.ended])


async def save_gate(connection: AsyncConnection, run_id: str, look: GatePreview) -> None:
    """Keep what the gates of an offer said; nothing else of the run is written."""
    await connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(gate=look))


async def save_preview(connection: AsyncConnection, run_id: str, preview: Preview) -> None:
    """Keep what the steps of an offer would change; nothing else of the run is written."""
    await connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(preview=preview))


async def save_progress(connection: AsyncConnection, run_id: str, progress: Progress) -> None:
    """Keep how far the verification of a run has come; nothing else of the run is written."""
    await connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(verification=progress))


async def by_id(connection: AsyncConnection, run_id: str, *, lock: bool = False) -> Run | None:
    query = select(_RUN).where(_RUN.c.id == run_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().first()
    return _run(row) if row else None


async def stopped_by(connection: AsyncConnection, run_id: str) -> str:
    """Who has stopped a run that Tandem runs by itself; empty where nobody has."""
    return await connection.scalar(select(_RUN.c.stopped_by).where(_RUN.c.id == run_id)) or ""


async def of_incidents(connection: AsyncConnection, incident_ids: Iterable[str]) -> dict[str, list[Run]]:
    """The runs of incidents, the oldest first."""
    found: dict[str, list[Run]] = {incident_id: [] for incident_id in incident_ids}
    rows = await connection.execute(
        select(_RUN).where(_RUN.c.incident_id.in_(list(found))).order_by(_RUN.c.created_at, _RUN.c.id)
    )
    for row in rows.mappings():
        found[row["incident_id"]].append(_run(row))
    return found


async def page_by_id(connection: AsyncConnection, after: str, most: int) -> list[Run]:
    """So many runs, in the order of their ids, behind one."""
    rows = await connection.execute(select(_RUN).where(_RUN.c.id > after).order_by(_RUN.c.id).limit(most))
    return [_run(row) for row in rows.mappings()]


async def with_status(connection: AsyncConnection, statuses: Iterable[RunStatus]) -> list[Run]:
    """The runs in any of these states, the oldest first."""
    rows = await connection.execute(_WITH_STATUS, {"statuses": [status.value for status in statuses]})
    return [_run(row) for row in rows.mappings()]


async def last_that_ran(
    connection: AsyncConnection, domain: str, runbook: str, since: datetime, most: int = 10
) -> list[Run]:
    """The runs of a runbook in a correlation domain that have ended since a moment, the newest first."""
    ran = [status.value for status in RunStatus if status.ran]
    rows = await connection.execute(
        select(_RUN)
        .join(_INCIDENT, _INCIDENT.c.id == _RUN.c.incident_id)
        .where(_RUN.c.runbook == runbook, _RUN.c.status.in_(ran), _RUN.c.ended_at >= since)
        .where(_INCIDENT.c.domain == domain)
        .order_by(_RUN.c.ended_at.desc())
        .limit(most)
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
    connection: AsyncConnection, domain: str, targets: Sequence[str], run_id: str, now: datetime, at_once: int = 1
) -> Run | None:
    """Take a place on all of the targets for a run, or none: then a run that works on a full one is returned.

    ``at_once`` runs have a place on a target. The place of a run that has ended, or is no longer known, is taken over.
    """
    places = _places(targets, at_once)
    rows = [
        {"domain": domain, "target": place, "run_id": run_id, "since": now}
        for found in places.values()
        for place in found
    ]
    await insert_missing(connection, _TARGET, rows)
    free, holder = await _free_places(connection, domain, places, run_id, lock=True)
    if holder is not None:
        await release_targets(connection, run_id)
        return holder
    mine = (_TARGET.c.domain == domain, _TARGET.c.run_id == run_id)
    await connection.execute(delete(_TARGET).where(*mine, _TARGET.c.target.not_in(free)))
    taken = update(_TARGET).where(_TARGET.c.domain == domain, _TARGET.c.target.in_(free))
    await connection.execute(taken.values(run_id=run_id, since=now))
    return None


async def target_holder(
    connection: AsyncConnection, domain: str, targets: Sequence[str], run_id: str, at_once: int = 1
) -> Run | None:
    """Another run that works on one of the targets that has no place left, without taking any."""
    _, holder = await _free_places(connection, domain, _places(targets, at_once), run_id)
    return holder


def _places(targets: Sequence[str], at_once: int) -> dict[str, list[str]]:
    """The keys of the places on each target; the first is named like the target itself."""
    return {target: [target, *(f"{target}\n{n}" for n in range(2, at_once + 1))] for target in sorted(set(targets))}


async def _free_places(
    connection: AsyncConnection, domain: str, places: Mapping[str, Sequence[str]], run_id: str, *, lock: bool = False
) -> tuple[list[str], Run | None]:
    """A free place on each target, or a run on a target that has none."""
    wanted = [place for found in places.values() for place in found]
    query = select(_TARGET.c.target, _TARGET.c.run_id).where(_TARGET.c.domain == domain, _TARGET.c.target.in_(wanted))
    query = query.order_by(_TARGET.c.target)
    holders = {place: holder for place, holder in await connection.execute(query.with_for_update() if lock else query)}
    working = {holder: await by_id(connection, holder) for holder in set(holders.values()) - {run_id}}
    taken = {place: run for place, holder in holders.items() if (run := working.get(holder)) and not run.status.ended}
    free = [next((place for place in found if place not in taken), "") for found in places.values()]
    full = next((found for found, place in zip(places.values(), free, strict=True) if not place), None)
    return free, taken[full[0]] if full else None


async def release_targets(connection: AsyncConnection, run_id: str) -> None:
    """Give back what a run holds."""
    await connection.execute(delete(_TARGET).where(_TARGET.c.run_id == run_id))


async def lock_starts(connection: AsyncConnection) -> None:
    """Until the transaction ends no other run starts, so what guards are decided by stays. SQLite has one writer."""
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(_STARTS)))


async def starts_since(connection: AsyncConnection, runbook: str, since: datetime, but: str) -> list[datetime]:
    """When runs of a runbook started since a moment, the oldest first; without the run ``but``."""
    began = func.coalesce(_RUN.c.started_at, _RUN.c.created_at, type_=_RUN.c.created_at.type)
    begun = [status.value for status in RunStatus if status.ran or status in (RunStatus.RUNNING, RunStatus.VERIFYING)]
    mine = (_RUN.c.runbook == runbook, _RUN.c.status.in_(begun), _RUN.c.id != but, _RUN.c.drill.is_(False))
    return list(await connection.scalars(select(began).where(*mine, began > since).order_by(began)))


async def last_end(
    connection: AsyncConnection, domain: str, runbook: str, targets: Sequence[str], since: datetime
) -> datetime | None:
    """When a run of a runbook last ended on one of the targets, where that was since a moment."""
    ended = await last_that_ran(connection, domain, runbook, since, most=_MOST_ENDED)
    ends = (run.ended_at for run in ended if run.ended_at and not set(targets).isdisjoint(run.plan.targets))
    return next(ends, None)


async def save_holds(connection: AsyncConnection, run_id: str, holds: Sequence[Hold]) -> None:
    """Keep which guards forbid an offer; nothing else of the run is written."""
    await connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(holds=list(holds)))
