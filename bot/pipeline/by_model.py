"""Findings about one model belong together for as long as one of them fires, however far apart they come."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, Change
from bot.domain.watched.sensitivity import OWN_SOURCE
from bot.pipeline.batch import Batch, Observation
from bot.storage.queries import alerts, incidents

_MOST = 1_000
"""Findings of one model that fire: as many as it has monitors."""


async def join_by_model(batch: Batch, homeless: dict[str, Observation], connection: AsyncConnection) -> None:
    """Give findings that need an incident that of their model, which is open or opens again with this batch.

    A window of rows may take hours to fill: by then the time in which alerts of one service meet is over.
    """
    of_models = {identity: model for identity in homeless if (model := _model_of(batch.alerts[identity]))}
    for identity, model in of_models.items():
        alert = batch.alerts[identity]
        found = await _incident_of(batch, alert.domain, model, connection)
        if found is not None:
            batch.alerts[identity] = msgspec.structs.replace(alert, incident_id=found)
            del homeless[identity]


async def _incident_of(batch: Batch, domain: str, model: str, connection: AsyncConnection) -> str | None:
    """The oldest open incident with a finding about the model, or one that such a finding opens again.

    Where neither is there, the one of the model alone that resolved so lately that a finding that fired in it would
    open it again: to people it is the same trouble, whichever finding comes first.
    """
    again = {
        alert.incident_id
        for observation in batch.observed
        if (alert := batch.alerts[observation.identity]).domain == domain
        and observation.change is Change.REFIRED
        and _model_of(alert) == model
    }
    before = {alert.incident_id for alert in await alerts.firing_of_group(connection, domain, OWN_SOURCE, model, _MOST)}
    known = await incidents.by_ids(connection, {one for one in again | before if one}, lock=True)
    batch.incidents |= {one: incident for one, incident in known.items() if one not in batch.incidents}
    fit = [batch.incidents[one] for one in known if batch.incidents[one].open or one in again]
    if fit:
        return min(fit, key=lambda incident: incident.number).id
    since = batch.now - batch.rules.alerts.reopen_within
    lately = next(iter(await incidents.lately_resolved(connection, domain, since, model)), None)
    if lately is not None and lately not in batch.incidents:
        batch.incidents |= await incidents.by_ids(connection, [lately], lock=True)
    return lately


def _model_of(alert: Alert) -> str:
    return alert.labels.get("model", "") if alert.source == OWN_SOURCE and alert.group else ""
