"""Whether an offer may run without a click at this moment, and why not. Asked at the announcement, at its end, and at
the start of the run."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.guards.hold import held_up_by
from bot.domain.incident import Incident
from bot.domain.run import Run
from bot.domain.runbook import Runbook, definition_hash
from bot.domain.runs.autonomy import Autonomy, Past, Standing, outside_of, standing_of
from bot.incidents.guarding import blast_radius
from bot.incidents.placeholder import labels_of
from bot.remediation.approval import Terms, holds_now
from bot.remediation.autonomy.record import cause_of, proves, record_of, work_of
from bot.storage.queries import alerts


async def why_not_alone(
    connection: AsyncConnection, terms: Terms, run: Run, incident: Incident, now: datetime
) -> tuple[list[str], Standing]:
    """Everything that forbids it, in words; nothing where Tandem may run it by itself. And what was earned."""
    runbook = terms.runbooks.get(run.runbook)
    if runbook is None or runbook.autonomy is None:
        return ["its runbook gives no autonomy"], standing_of([])
    past = await record_of(connection, incident.domain, run.runbook, run.plan.definition, cause_of(incident))
    standing, rules = standing_of(past), runbook.autonomy
    said = standing.missing(rules) + _about_the_plan(run, runbook, past) + _about_the_incident(incident, runbook, rules)
    if rules.hours is not None and rules.hours.open_at(now) is None:
        said.append("it may not act alone at this time")
    if rules.most_dependants is not None:
        reach = await blast_radius(connection, terms.guards, incident.domain, run.plan.targets, now)
        if reach.count > rules.most_dependants:
            said.append(f"{reach.count} services depend on what it acts on, and {rules.most_dependants} are the most")
    if not said and not await alerts.active_of(connection, incident.id, 1):
        said.append("no alert of the incident fires now")
    if not said and (holds := await holds_now(connection, terms, run, incident, now)):
        said.append(held_up_by(holds))
    return said, standing


def _about_the_plan(run: Run, runbook: Runbook, past: list[Past]) -> list[str]:
    said = [] if proves(run.plan) else ["nothing verifies it"]
    if definition_hash(runbook) != run.plan.definition:
        said.append("its runbook was edited after this was offered")
    if run.glass or run.stopped_by or run.proposed_by or run.drill:
        said.append("people have taken part in it")
    said += _about_the_preview(run)
    if unknown := outside_of(past, run.plan.targets, run.plan.parameters):
        said.append(unknown)
    approved = {one.work for one in past if one.good and one.by_people}
    if labels_of(runbook) and work_of(run.plan.steps) not in approved:
        said.append("people have approved no successful run with these values of its labels")
    return said


def _about_the_preview(run: Run) -> list[str]:
    """What it would change is known first, as far as that can be known."""
    if run.preview is None:
        waits = any(step.previewable for step in run.plan.steps)
        return ["what it would change is not found out yet"] if waits else []
    failing = next((one for one in run.preview.steps if one.possible and not one.ok), None)
    return [f"its preview says that step {failing.position + 1} would fail"] if failing else []


def _about_the_incident(incident: Incident, runbook: Runbook, rules: Autonomy) -> list[str]:
    said = []
    if incident.severity.rank < rules.severity_at_most.rank:
        said.append(
            f"the incident is {incident.severity.value}, and it acts alone up to {rules.severity_at_most.value}"
        )
    if incident.acknowledged_by:
        said.append(f"@{incident.acknowledged_by} looks after the incident")
    cause = incident.causes[0] if incident.causes else None
    if runbook.when.cause and (cause is None or cause.score < rules.cause_at_least):
        score = f"{cause.score:.2f}" if cause else "not known"
        said.append(f"the cause is not sure enough ({score}, {rules.cause_at_least:g} is the least)")
    return said
