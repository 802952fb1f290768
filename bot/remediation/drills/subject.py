"""What a drill is about: the incident that it is like, and the plan that would be offered in it."""

import uuid
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import partition_of
from bot.domain.incident import Incident, IncidentStatus
from bot.domain.run import Plan
from bot.domain.runbook import Runbook
from bot.domain.runs.drill import drill_domain, real_domain
from bot.domain.severity import Severity
from bot.errors import PlanError, Refused
from bot.incidents.description import described
from bot.incidents.offers import cases_for
from bot.remediation.planning import make_plan
from bot.storage.queries import incidents
from bot.storage.queries.listed.runs import incident_of_last
from detectors.topology import Topology


class Wanted(NamedTuple):
    """Of which runbook a drill is to be, and which incident it is to be like."""

    runbook: str
    number: int | None
    partitions: int


async def incident_like(connection: AsyncConnection, wanted: Wanted, now: datetime) -> tuple[Incident | None, Incident]:
    """The incident that a drill is like, and the made-up one. Raises Refused where there is none of this number.

    Without a number it is like the last one in which the runbook was offered, where there is any.
    """
    if wanted.number is None:
        like = await incident_of_last(connection, wanted.runbook)
    else:
        like = await incidents.by_number(connection, wanted.number)
        if like is None:
            raise Refused(f"There is no incident #{wanted.number}.")
    domain = drill_domain(real_domain(like.domain) if like else "")
    made = Incident(
        id=uuid.uuid4().hex,
        number=0,
        domain=domain,
        partition=partition_of(domain, wanted.partitions),
        status=IncidentStatus.TRIGGERED,
        severity=like.severity if like else Severity.HIGH,
        opened_at=now,
        created_at=now,
        active_at=now,
        changed_at=now,
        drill=True,
    )
    return like, made


async def planned(
    connection: AsyncConnection, name: str, runbook: Runbook, like: Incident | None, made: Incident
) -> tuple[Plan, Incident]:
    """The plan, and the made-up incident with what it is about. Raises PlanError."""
    service = runbook.when.service or runbook.when.model or ""
    if like is not None:
        values = (await cases_for(connection, runbook, like, ended=True))[0]
    else:
        values = {"service": service, "incident.number": "0", "incident.severity": made.severity.value}
    try:
        plan = make_plan(name, runbook, values)
    except PlanError as error:
        hint = "" if like else ": give an incident that it is like"
        raise PlanError(f"{error}{hint}") from error
    services = [one for one in plan.targets if not one.startswith("runbook ")]
    about = msgspec.structs.replace(made, services=services, declared_as=f"🧪 Drill: {runbook.title}")
    return plan, described(about, [], Topology({}))
