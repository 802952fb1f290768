"""Runs, read and proposed. Only people approve one."""

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.config.nearest import nearest
from bot.domain.access.scope import Scope
from bot.domain.run import RunStatus
from bot.incidents.guarding import guards_of
from bot.remediation.approval import Terms
from bot.remediation.offers.by_hand import propose_by_hand
from bot.storage.queries import runs
from bot.storage.queries.listed.runs import RunFilter, listed
from handlers.api.descriptions import run_shape
from handlers.api.found import incident_in, incident_of
from handlers.api.named import require_runbook
from handlers.api.operation import Answer, Call, Invalid, NoBody, NoQuery, operation
from handlers.api.shapes import RunPage, RunShape


class Propose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    runbook: Annotated[str, Meta(min_length=1, max_length=200, description="Its name in tandem.yaml.")]


class RunQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: RunStatus | None = None
    runbook: str | None = None
    incident: Annotated[str | None, Meta(description="The id or number of an incident.")] = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Annotated[str | None, Meta(description="`next` of the page before.")] = None


@operation(
    "GET",
    "/api/runs",
    Scope.INCIDENTS_READ,
    Scope.RUNS_PROPOSE,
    summary="List runs, the newest first",
    query=RunQuery,
    answer=RunPage,
)
async def list_runs(call: Call[RunQuery, NoBody]) -> Answer:
    query = call.query
    async with call.database.read() as connection:
        incident = await incident_in(connection, call, query.incident) if query.incident is not None else None
        before = await runs.by_id(connection, query.cursor) if query.cursor is not None else None
        if query.cursor is not None and before is None:
            raise Invalid("cursor: the value of `next` of the page before is expected.")
        wanted = RunFilter(query.status, query.runbook, incident.id if incident else None, call.caller.domains)
        found = await listed(connection, wanted, before, query.limit + 1)
        if not found and before is None:
            await require_runbook(connection, call, query.runbook)
        shown = found[: query.limit]
        steps = await runs.steps_of(connection, [run.id for run in shown])
    following = shown[-1].id if len(found) > query.limit else None
    return Answer(RunPage([run_shape(run, steps, alone=True) for run in shown], following))


@operation(
    "POST",
    "/api/incidents/{id}/runs",
    Scope.RUNS_PROPOSE,
    summary="Propose a run; only people approve it",
    body=Propose,
    example={"runbook": "restart-checkout"},
    answer=RunShape,
    conflicts="It is offered already, cannot be planned, or the incident is resolved",
    made=True,
)
async def propose_run(call: Call[NoQuery, Propose]) -> Answer:
    incident = await incident_of(call)
    rules = call.backend.rules
    if call.body.runbook not in rules.runbooks:
        near = nearest(call.body.runbook, rules.runbooks)
        raise Invalid(f"runbook: there is no {call.body.runbook[:60]!r} in tandem.yaml{near}.")
    terms = Terms(rules.runbooks, guards_of(rules))
    made = await propose_by_hand(call.database, terms, call.body.runbook, incident.id, call.who, call.now)
    first, *others = [run_shape(run, (), alone=True) for run in made]
    answer = msgspec.structs.replace(first, also=others) if others else first
    return Answer(answer, made=f"/api/runs?incident={incident.id}")
