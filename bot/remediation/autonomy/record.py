"""The record of a runbook: which of its runs count, and for what."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident
from bot.domain.run import Plan, PlannedStep, Run, RunStatus
from bot.domain.runs.autonomy import TANDEM, Past
from bot.storage.queries import alerts, incidents, silences
from bot.storage.queries.records.ended import Ended, ended_runs
from bot.storage.seal import seal_of

UNKNOWN = "unknown"


def cause_of(incident: Incident) -> str:
    """The kind of the likely cause."""
    return incident.causes[0].kind.value if incident.causes else UNKNOWN


async def record_of(connection: AsyncConnection, domain: str, runbook: str, definition: str, cause: str) -> list[Past]:
    """The runs of a runbook, as it is written now, for a kind of cause, the oldest first."""
    ended = await ended_runs(connection, domain, runbook)
    seal = seal_of(connection)
    mine = [one for one in ended if one.plan.definition == definition and one.cause == cause]
    return [_past(one, one.is_authentic(seal)) for one in mine]


def _past(run: Ended, authentic: bool) -> Past:
    """What somebody has changed in the database counts as a bad run: what it was is not known."""
    alone = TANDEM in (decision.user for decision in run.decisions)
    return Past(
        run.id,
        _good(run) if authentic else False,
        not alone,
        run.plan.targets,
        run.plan.parameters,
        work_of(run.plan.steps),
    )


def _good(run: Ended) -> bool | None:
    """Whether it ended well; None where it shows nothing."""
    if run.status in (RunStatus.FAILED, RunStatus.ROLLED_BACK, RunStatus.STOPPED):
        return False
    if run.status is RunStatus.REJECTED:
        return False if run.announced else None
    return True if run.earned and run.part_of is None else None


def work_of(steps: Sequence[PlannedStep]) -> str:
    """The same for steps that do the same."""
    return hashlib.sha256(msgspec.json.encode([[one.kind, one.parameters] for one in steps])).hexdigest()[:16]


async def earns(connection: AsyncConnection, run: Run, now: datetime) -> bool:
    """Whether a run that succeeded shows that its runbook works: it was verified, and nothing hid an alert of it."""
    if not proves(run.plan) or run.started_at is None:
        return False
    incident = await incidents.by_id(connection, run.incident_id)
    if incident is None or incident.part_of is not None:
        return False
    watched = (await alerts.current_by_identity(connection, [one.identity for one in run.watched])).values()
    hidden = [one for one in await silences.not_ended(connection, run.started_at) if one.starts_at <= now]
    silenced = any(alert.silence_id is not None for alert in watched)
    return not silenced and not any(
        one.covers(alert.labels, max(one.starts_at, run.started_at)) for one in hidden for alert in watched
    )


def proves(plan: Plan) -> bool:
    """Whether a plan is verified by anything."""
    return plan.alerts_resolved or plan.asks
