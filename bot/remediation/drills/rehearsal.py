"""A drill without people: everything up to the click and behind it, as far as nothing has to be performed for it."""

import difflib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from bot.domain.access.person import in_words
from bot.domain.guards.hold import held_up_by
from bot.domain.run import Plan, Run
from bot.domain.runbook import Runbook
from bot.domain.runs.drill import Check, Rehearsal
from bot.domain.runs.preview import Preview
from bot.errors import PlanError, Refused
from bot.incidents.guarding import Subject, blast_radius, held_by
from bot.incidents.offers import offer_of
from bot.remediation.approval import Terms
from bot.remediation.asking import QueryReader
from bot.remediation.drills.evidence import evidence_of
from bot.remediation.drills.subject import Wanted, incident_like, planned
from bot.remediation.executors import Foreseen
from bot.remediation.offers.step_previews import preview_of
from bot.storage.database import Database


@dataclass(frozen=True)
class Means:
    """What a drill looks with: previews of steps, and queries. Nothing of it changes anything."""

    foresee: Callable[[Run, int], Awaitable[Foreseen | None]]
    query: QueryReader


async def rehearse(database: Database, terms: Terms, means: Means, wanted: Wanted, now: datetime) -> Rehearsal:
    """Look at everything that a run of a runbook needs. Raises Refused where there is no such runbook or incident."""
    name, runbook = wanted.runbook, terms.runbooks.get(wanted.runbook)
    if runbook is None:
        raise Refused(unknown(name, terms))
    async with database.read() as connection:
        like, made = await incident_like(connection, wanted, now)
        try:
            plan, incident = await planned(connection, name, runbook, like, made)
        except PlanError as error:
            return Rehearsal(name, runbook.title, [Check("plan", False, str(error))])
        holds = await held_by(connection, terms.guards, Subject(incident, runbook, plan), now)
        reach = await blast_radius(connection, terms.guards, incident.domain, plan.targets, now)
    offered = offer_of(incident, runbook, plan, now, 0)
    run = msgspec.structs.replace(offered, drill=True, holds=holds, reach=reach)
    checks = [Check("plan", True, "\n".join(step.text for step in plan.steps)), _approval(runbook)]
    checks += [_guards(run), *_previews(plan, await preview_of(run, means.foresee, now))]
    return Rehearsal(name, runbook.title, [*checks, *await evidence_of(plan, incident, means.query, now)])


def unknown(name: str, terms: Terms) -> str:
    """That there is no such runbook, and which one is meant, or there are."""
    close = difflib.get_close_matches(name, terms.runbooks, n=1)
    known = ", ".join(sorted(terms.runbooks)[:20]) or "none"
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {known}"
    return f"there is no runbook {name[:60]!r} in tandem.yaml: {hint}"


def _approval(runbook: Runbook) -> Check:
    approval = runbook.approval
    people = ", ".join(map(in_words, approval.approvers))
    return Check("approval", True, f"{approval.required} of {people}")


def _guards(run: Run) -> Check:
    reach = f"; {run.reach.in_words()}" if run.reach and run.reach.count else ""
    if run.holds:
        return Check("guards", None, f"a run would be held up now by {held_up_by(run.holds)}{reach}")
    return Check("guards", True, f"none forbids it now{reach}")


def _previews(plan: Plan, preview: Preview) -> list[Check]:
    return [
        Check(f"preview of step {one.position + 1}", one.ok if one.possible else None, one.output)
        for one in preview.steps
    ]
