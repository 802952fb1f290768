"""Stage: offer the runbooks that fit an open incident; withdraw what fits no longer, and all of a resolved one."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.guards.hold import held_up_by
from bot.domain.incident import Incident, TimelineKind
from bot.domain.memory import successes
from bot.domain.run import Plan, PreviousRun, Run, RunStatus, plan_hash
from bot.domain.runbook import Runbook
from bot.errors import PlanError
from bot.incidents.guarding import Guards, Subject, held_by, reach_in
from bot.incidents.offers import NO_LONGER_FITS, cases_for, fitting, offer_of, withdrawn
from bot.incidents.placeholder import MOST_CASES, labels_of, placeholders_of
from bot.pipeline.batch import Batch
from bot.pipeline.numbering import number_opened
from bot.pipeline.stage import stage
from bot.storage.queries import alerts, incidents, runs

_REMEMBERED = timedelta(days=7)


class _Offer(NamedTuple):
    """A runbook that fits an incident, and its runs there so far, the oldest first."""

    name: str
    runbook: Runbook
    incident: Incident
    before: list[Run]


@stage(
    reads={"opened", "touched", "incidents", "tallies", "topology"},
    writes={"incidents", "runs", "timeline"},
    after={"recall"},
)
async def propose(batch: Batch, connection: AsyncConnection) -> None:
    if not batch.rules.runbooks or not batch.touched:
        return
    known = await runs.of_incidents(connection, batch.touched)
    for incident_id in sorted(batch.touched):
        incident = batch.incidents[incident_id]
        if incident.drill:
            continue  # or what is offered in it would be for real
        if not incident.open:
            batch.runs += withdrawn(known[incident_id], batch.now)
            continue
        fit = await fitting(connection, batch.rules.runbooks, incident, batch.tallies[incident_id])
        _withdraw_what_fits_no_longer(batch, incident, known[incident_id], fit)
        for name, runbook in _the_most_promising_first(batch, incident):
            if name in fit:
                offered = [run for run in known[incident_id] if run.runbook == name]
                await _offer_each(batch, _Offer(name, runbook, incident, offered), connection)


def _withdraw_what_fits_no_longer(batch: Batch, incident: Incident, known: list[Run], fit: Collection[str]) -> None:
    """What a runbook is for is gone, or another cause is the likely one: nobody is to approve it any more.

    What a person proposed by hand stays: whether it fits is for people to say.
    """
    others = batch.rules.runbooks.keys() - set(fit)
    offered = [run for run in known if run.runbook in others and not run.proposed_by]
    gone = withdrawn(offered, batch.now, NO_LONGER_FITS)
    batch.runs += gone
    for run in gone:
        batch.note(incident.id, TimelineKind.RUN, f"Offer withdrawn: {run.plan.title}, {NO_LONGER_FITS}")


def _the_most_promising_first(batch: Batch, incident: Incident) -> list[tuple[str, Runbook]]:
    """The least invasive first; of those alike the ones that helped in incidents like this one, then as configured."""
    helped = successes(incident.past)
    return sorted(batch.rules.runbooks.items(), key=lambda named: (named[1].impact.rank, -helped.get(named[0], 0.0)))


async def _offer_each(batch: Batch, offer: _Offer, connection: AsyncConnection) -> None:
    """Offer it once, or for each value of the labels that it takes; once more after an offer lapsed, or a relapse."""
    labels = labels_of(offer.runbook)
    relapsed = await _relapsed(offer.before, connection)
    standing = {run.plan_hash for run in offer.before if run.status is not RunStatus.EXPIRED} - relapsed
    last = offer.before[-1] if offer.before else None
    due = last is None or last.status is RunStatus.EXPIRED or last.plan_hash in relapsed
    if not due and not relapsed and (not labels or len(standing) >= MOST_CASES):
        return
    if offer.runbook.parameters or "incident.number" in placeholders_of(offer.runbook):
        await number_opened(batch, connection)
        offer = offer._replace(incident=batch.incidents[offer.incident.id])
    cases = await cases_for(connection, offer.runbook, offer.incident)
    if len(cases) > MOST_CASES:
        names = ", ".join(f"${{labels.{name}}}" for name in labels)
        await _refuse(batch, offer, f"its alerts have more than {MOST_CASES} values for {names}", connection)
    elif len(cases) > 1 or due:
        for values in cases:
            await _offer(batch, offer, values, standing if len(cases) > 1 else set(), connection)


async def _relapsed(before: list[Run], connection: AsyncConnection) -> set[str]:
    """The plans whose last run ended, and of which an alert that it was to end fires again."""
    latest = {run.plan_hash: run for run in before}
    return {digest for digest, run in latest.items() if run.status.ran and await _relapse_of(run, connection)}


async def _relapse_of(last: Run, connection: AsyncConnection) -> datetime | None:
    """When an alert that a run was to end began to fire again after it."""
    if last.ended_at is None:
        return None
    current = await alerts.current_by_identity(connection, [one.identity for one in last.watched])
    began = [alert.changes[-1] for alert in current.values() if alert.firing and alert.changes]
    return min((at for at in began if at > last.ended_at), default=None)


async def _previous(
    incident: Incident, name: str, plan: Plan, now: datetime, connection: AsyncConnection
) -> PreviousRun | None:
    """How the runbook ended the last time that it ran on these targets, in this incident or another one."""
    ended = await runs.last_that_ran(connection, incident.domain, name, now - _REMEMBERED)
    last = next((run for run in ended if run.plan.targets == plan.targets), None)
    if last is None or last.ended_at is None:
        return None
    relapsed_at = await _relapse_of(last, connection)
    relapsed_after = (relapsed_at - last.ended_at).total_seconds() if relapsed_at else None
    return PreviousRun(last.verification.began_at if last.verification else last.ended_at, last.status, relapsed_after)


async def _offer(
    batch: Batch, offer: _Offer, values: dict[str, str], standing: set[str], connection: AsyncConnection
) -> None:
    runbook, incident = offer.runbook, offer.incident
    try:
        plan = batch.make_plan(offer.name, runbook, values)
    except PlanError as error:
        await _refuse(batch, offer, str(error), connection)
        return
    if plan_hash(plan) in standing:
        return
    previous = await _previous(incident, offer.name, plan, batch.now, connection)
    guards = Guards(batch.rules.guards, batch.rules.teams, batch.topology, batch.rules.critical)
    made = offer_of(incident, runbook, plan, batch.now, len(batch.runs))
    run = msgspec.structs.replace(
        made,
        previous=previous,
        holds=await held_by(connection, guards, Subject(incident, runbook, plan), batch.now),
        reach=reach_in(batch.topology, batch.rules.critical, plan.targets),
        filled=values if runbook.parameters else None,
    )
    batch.runs.append(runs.sealed(connection, run))
    before = f". Last time it {previous.in_words(f'{previous.at:%H:%M} UTC')}" if previous else ""
    held = f". Not to be run now because of {held_up_by(run.holds)}" if run.holds else ""
    batch.note(incident.id, TimelineKind.RUN, f"Proposed: {runbook.title}{before}{held}")


async def _refuse(batch: Batch, offer: _Offer, why: str, connection: AsyncConnection) -> None:
    """Say once why a runbook that fits is not offered."""
    text = f"“{offer.runbook.title}” fits but cannot be offered: {why}"
    noted = any(entry.text == text and entry.incident_id == offer.incident.id for entry in batch.timeline)
    if not noted and not await incidents.has_entry(connection, offer.incident.id, text):
        batch.note(offer.incident.id, TimelineKind.RUN, text)
