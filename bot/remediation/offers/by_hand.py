"""A runbook that somebody proposes by hand: the same plan, guards, approval and audit as one that was found to fit."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.guards.hold import held_up_by
from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.domain.run import Plan, Run, RunStatus
from bot.domain.runbook import Runbook
from bot.errors import PlanError, Refused
from bot.incidents import permissions
from bot.incidents.guarding import Subject, blast_radius, held_by
from bot.incidents.offers import cases_for, offer_of
from bot.incidents.permissions import Action, Who, actor_of
from bot.incidents.placeholder import MOST_CASES, labels_of
from bot.remediation.approval import Terms
from bot.remediation.planning import make_plan
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import audit, incidents, runs
from bot.storage.queries.audit import AuditEntry


@begun_anew
async def propose_by_hand(
    database: Database, terms: Terms, name: str, incident_id: str, who: Who, now: datetime
) -> list[Run]:
    """Offer a runbook for an incident, whether it fits or not: once, or once for each value of the labels it takes.

    Raises Refused where it cannot be offered, or is already.
    """
    async with database.write() as connection:
        incident = await incidents.by_id(connection, incident_id, lock=True)
        runbook = _runbook(terms, name)
        if incident is None or not incident.open:
            number = f" #{incident.number}" if incident else ""
            raise Refused(f"Incident{number} is not open: nothing was proposed.")
        if incident.drill:
            raise Refused(f"Incident #{incident.number} is a drill: nothing is proposed in it for real.")
        permissions.require(who, Action.PROPOSE, incident)
        permissions.require_seen(who, incident)
        offered: list[Run] = []
        for plan, values in await _plans(connection, name, runbook, incident):
            subject = Subject(incident, runbook, plan)
            holds = await held_by(connection, terms.guards, subject, now)
            reach = await blast_radius(connection, terms.guards, incident.domain, plan.targets, now)
            made = offer_of(incident, runbook, plan, now, len(offered))
            run = msgspec.structs.replace(
                made,
                holds=holds,
                reach=reach,
                proposed_by=actor_of(who).id,
                filled=values if runbook.parameters else None,
            )
            offered.append(runs.sealed(connection, run))
        await _record(connection, incident, offered, now)
    return offered


def _runbook(terms: Terms, name: str) -> Runbook:
    runbook = terms.runbooks.get(name)
    if runbook is None:
        known = ", ".join(sorted(terms.runbooks)) or "none"
        raise Refused(f"There is no runbook {name[:60]!r} in tandem.yaml. There are: {known[:500]}.")
    return runbook


async def _plans(
    connection: AsyncConnection, name: str, runbook: Runbook, incident: Incident
) -> list[tuple[Plan, dict[str, str]]]:
    """What is not offered or under way yet, with the values of its placeholders. Raises Refused."""
    cases = await cases_for(connection, runbook, incident)
    if len(cases) > MOST_CASES:
        named = ", ".join(labels_of(runbook))
        raise Refused(
            f"“{runbook.title}” cannot be proposed: its alerts have more than {MOST_CASES} values for {named}."
        )
    try:
        planned = [(make_plan(name, runbook, values), values) for values in cases]
    except PlanError as error:
        raise Refused(f"“{runbook.title}” cannot be proposed: {error}.") from error
    known = (await runs.of_incidents(connection, [incident.id]))[incident.id]
    standing = [run for run in known if run.runbook == name and not run.status.ended]
    found = [(plan, values) for plan, values in planned if not any(_is_same(run.plan, plan) for run in standing)]
    if not found:
        status = standing[0].status
        said = "offered" if status is RunStatus.PROPOSED else status.value
        raise Refused(f"“{runbook.title}” is {said} already in incident #{incident.number}.")
    return found


def _is_same(standing: Plan, plan: Plan) -> bool:
    """Whether a plan does what another one does; its parameters may have been edited."""
    if plan.parameters:
        return standing.targets == plan.targets
    return standing.steps == plan.steps


async def _record(connection: AsyncConnection, incident: Incident, offered: Sequence[Run], now: datetime) -> None:
    await runs.save(connection, offered)
    for run in offered:
        held = f". Not to be run now because of {held_up_by(run.holds)}" if run.holds else ""
        text = f"Proposed by hand: {run.plan.title}{held}"
        entry = TimelineEntry(incident_id=incident.id, at=now, kind=TimelineKind.RUN, text=text, actor=run.proposed_by)
        await incidents.add_to_timeline(connection, [entry])
        details = {"runbook": run.runbook, "plan_hash": run.plan_hash, "incident": incident.number}
        await audit.append(connection, AuditEntry(now, run.proposed_by, "run.proposed", f"run {run.id}", details))
    await incidents.touch(connection, incident.id, now)
