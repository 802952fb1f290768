"""The runs of an incident: an offer as it is made, which are under way, which are withdrawn because it is over."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, Tally
from bot.domain.run import Plan, Run, RunStatus, plan_hash, withdraw
from bot.domain.runbook import Runbook, fits, labels_fit
from bot.incidents.model_facts import model_facts
from bot.incidents.placeholder import cases_of, labels_of, placeholders_of
from bot.storage.queries import alerts, label_values, runs

_WHY = "the incident is resolved"
NO_LONGER_FITS = "what it was offered for is gone"
_MOST_ALERTS = 200


def offer_of(incident: Incident, runbook: Runbook, plan: Plan, now: datetime, place: int) -> Run:
    """A plan as it is offered, in the ``place`` among those that are offered at the same time."""
    return Run(
        id=uuid.uuid4().hex,
        incident_id=incident.id,
        partition=incident.partition,
        runbook=plan.runbook,
        plan=plan,
        plan_hash=plan_hash(plan),
        approvers=runbook.approval.approvers,
        required=runbook.approval.required,
        created_at=now + timedelta(microseconds=place),
        expires_at=now + timedelta(seconds=runbook.approval.expires.total_seconds()),
    )


async def fitting(
    connection: AsyncConnection, runbooks: Mapping[str, Runbook], incident: Incident, tallies: list[Tally]
) -> list[str]:
    """The names of those that fit it, in the order of the configuration; labels are read only where they decide."""
    names = [name for name, runbook in runbooks.items() if fits(runbook.when, incident, tallies)]
    asked = sorted({matcher.label for name in names for matcher in runbooks[name].when.matchers})
    if not asked:
        return names
    values = await label_values.of_active(connection, incident.id, asked)
    return [name for name in names if labels_fit(runbooks[name].when, values)]


async def cases_for(
    connection: AsyncConnection, runbook: Runbook, incident: Incident, *, ended: bool = False
) -> list[dict[str, str]]:
    """What placeholders may stand for: the incident's facts, and the labels of the alerts that it is offered for.

    With ``ended``, alerts that are over count as well.
    """
    labels, when = labels_of(runbook), runbook.when
    known = (await alerts.of_incidents(connection, [incident.id], limit=_MOST_ALERTS))[incident.id]
    service = incident.causes[0].service if incident.causes else next(iter(incident.services), "")
    facts = {"incident.number": str(incident.number), "incident.severity": incident.severity.value, "service": service}
    active = [alert for alert in known if alert.active or ended]
    facts |= await model_facts(connection, placeholders_of(runbook), when, incident, active)
    meant = when.model or when.service or (service if when.cause else "")
    fitting = [
        alert.labels
        for alert in active
        if (not when.alertname or alert.name == when.alertname) and (not meant or alert.service == meant)
    ]
    return [facts | case for case in cases_of(labels, [alert.labels for alert in active], fitting)]


async def under_way(connection: AsyncConnection, incident_ids: Collection[str]) -> list[Run]:
    """The runs of these incidents that were approved and have not ended."""
    known = await runs.of_incidents(connection, incident_ids) if incident_ids else {}
    decided = (run for found in known.values() for run in found if run.status is not RunStatus.PROPOSED)
    return [run for run in decided if not run.status.ended]


def withdrawn(known: Sequence[Run], now: datetime, why: str = _WHY) -> list[Run]:
    """What is offered among the runs of an incident, withdrawn; if not said otherwise because it is over."""
    return [withdraw(run, why, now) for run in known if run.status is RunStatus.PROPOSED]


async def withdraw_offers(connection: AsyncConnection, incident_id: str, now: datetime) -> None:
    known = (await runs.of_incidents(connection, [incident_id]))[incident_id]
    await runs.save(connection, withdrawn(known, now))
