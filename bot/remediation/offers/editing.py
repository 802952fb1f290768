"""An offer whose plan somebody edits before it is approved, within the bounds that the runbook declares.

The edited plan has a hash of its own, so what was approved before is approved no longer, and old buttons do nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.domain.run import Run, plan_hash
from bot.domain.runbook import Runbook, definition_hash
from bot.domain.runs.parameter import Value
from bot.errors import PlanError, Refused
from bot.incidents import permissions
from bot.incidents.permissions import Action, Who, actor_of
from bot.remediation.approval import Terms, holds_now, locked, refusal_of_state, who_may
from bot.remediation.planning import make_plan
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import audit, incidents, runs
from bot.storage.queries.audit import AuditEntry


class By(NamedTuple):
    """Who, and when."""

    user: str
    at: datetime


class BadParameters(Refused):
    """What was entered cannot be taken; ``by_name`` says why."""

    def __init__(self, by_name: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in by_name.items()))
        self.by_name = by_name


def read_parameters(runbook: Runbook, given: Mapping[str, str]) -> dict[str, Value]:
    """What somebody entered, by parameter. Raises BadParameters."""
    read, bad = dict[str, Value](), dict[str, str]()
    for name, text in given.items():
        try:
            read[name] = runbook.parameters[name].read(text)
        except KeyError:
            bad[name] = "the runbook has no such parameter"
        except ValueError as error:
            bad[name] = str(error)
    if bad:
        raise BadParameters(bad)
    return read


@begun_anew
async def edit(
    database: Database, terms: Terms, offer: tuple[str, str], who: Who, given: Mapping[str, str], now: datetime
) -> Run:
    """Give an offer, by its id and the hash of its plan, other parameters. Raises Refused, audited too."""
    (run_id, hash_shown), user, why = offer, actor_of(who).id, ""
    async with database.write() as connection:
        incident, run = await locked(connection, run_id)
        why = refusal_of_state(run, incident, hash_shown, now)
        if not why and run and incident:
            why = permissions.refusal_of(who, Action.EDIT, incident) or who_may("edit", run, who)
            why = why or _why_not_edited(database, terms, run)
        if why or run is None or incident is None:
            details = {"reason": why, "verdict": "edit"}
            await audit.append(connection, AuditEntry(now, user, "run.refused", f"run {run_id}", details))
        else:
            read = read_parameters(terms.runbooks[run.runbook], given)
            run = await _with_parameters(connection, terms, run, incident, read, By(user, now))
    if why or run is None:
        raise Refused(why)
    return run


def _why_not_edited(database: Database, terms: Terms, run: Run) -> str:
    runbook = terms.runbooks.get(run.runbook)
    if runbook is None or definition_hash(runbook) != run.plan.definition:
        return f"The runbook “{run.plan.title}” was edited after this was offered: nothing was changed."
    if not runs.is_authentic(database.seal, run):
        return f"“{run.plan.title}” was changed in the database past Tandem: nothing was changed."
    return (
        "" if runbook.parameters and run.filled is not None else f"“{run.plan.title}” has nothing that may be edited."
    )


async def _with_parameters(
    connection: AsyncConnection, terms: Terms, run: Run, incident: Incident, given: Mapping[str, Value], by: By
) -> Run:
    """The offer with its new plan, written. Raises Refused."""
    runbook, before = terms.runbooks[run.runbook], run.plan.parameters
    chosen = {**before, **given}
    changed = [f"{name} {before.get(name)} → {value}" for name, value in chosen.items() if value != before.get(name)]
    if not changed:
        raise Refused("Nothing was changed: these are its parameters already.")
    try:
        plan = make_plan(run.runbook, runbook, run.filled or {}, chosen)
    except PlanError as error:
        raise Refused(f"“{run.plan.title}” cannot be edited so: {error}.") from error
    edited = msgspec.structs.replace(run, plan=plan, plan_hash=plan_hash(plan), decisions=[], gate=None, announced=None)
    edited = msgspec.structs.replace(edited, preview=None)
    edited = msgspec.structs.replace(edited, holds=await holds_now(connection, terms, edited, incident, by.at))
    edited = runs.sealed(connection, edited)
    await runs.save(connection, [edited])
    void = ". Approvals of before count no longer" if run.approvals else ""
    text = f"Edited: {run.plan.title}: {', '.join(changed)}{void}"
    entry = TimelineEntry(incident_id=incident.id, at=by.at, kind=TimelineKind.RUN, text=text, actor=by.user)
    await incidents.add_to_timeline(connection, [entry])
    await incidents.touch(connection, incident.id, by.at)
    details = {"runbook": run.runbook, "changed": changed, "plan_hash": edited.plan_hash, "before": run.plan_hash}
    await audit.append(connection, AuditEntry(by.at, by.user, "run.edited", f"run {run.id}", details))
    return edited
