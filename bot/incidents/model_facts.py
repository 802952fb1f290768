"""What placeholders about models and versions stand for: ``${model}``, ``${version}``, ``${cause.service}`` …"""

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.change import domains_that_count
from bot.domain.event import ChangeKind, RowsKind
from bot.domain.incident import Incident
from bot.domain.runbook import When
from bot.domain.watched.sensitivity import OWN_SOURCE
from bot.model_store import batches
from bot.storage.queries import changes

MODEL, VERSION, CAUSE_SERVICE, CAUSE_VERSION = "model", "version", "cause.service", "cause.version"
_BACK = timedelta(days=1)
"""As long before the trouble as a change of data or of a model may be its cause."""


async def model_facts(
    connection: AsyncConnection, wanted: Collection[str], when: When, incident: Incident, active: Sequence[Alert]
) -> dict[str, str]:
    """The values of those placeholders that are wanted, as far as the incident gives them."""
    facts: dict[str, str] = {}
    model = when.model or _model_of(active)
    cause = incident.causes[0] if incident.causes else None
    if model:
        facts[MODEL] = model
    if VERSION in wanted and model:
        facts[VERSION] = await _served(connection, model, incident)
    if cause is not None:
        facts[CAUSE_SERVICE] = cause.service
        if CAUSE_VERSION in wanted:
            facts[CAUSE_VERSION] = await _changed_to(connection, cause.service, incident)
    return {name: value for name, value in facts.items() if name in wanted and value}


def _model_of(active: Sequence[Alert]) -> str:
    """The model whose monitors fire, where it is one."""
    models = {alert.labels.get("model", "") for alert in active if alert.source == OWN_SOURCE} - {""}
    return models.pop() if len(models) == 1 else ""


async def _served(connection: AsyncConnection, model: str, incident: Incident) -> str:
    """The version that made the newest predictions; where these do not say it, the one that was promoted last."""
    newest = await batches.newest(connection, model, RowsKind.PREDICTIONS)
    if newest is not None and newest.version:
        return newest.version
    return await _changed_to(connection, model, incident, ChangeKind.MODEL)


async def _changed_to(
    connection: AsyncConnection, service: str, incident: Incident, kind: ChangeKind | None = None
) -> str:
    """The version that the newest change of a service before the trouble brought."""
    since, until = incident.troubled_since - _BACK, incident.troubled_since
    domains = domains_that_count(incident.domain, incident.domain.split("/"))
    found = await changes.between(connection, domains, [service], since, until)
    return next((one.version for one in found if one.version and kind in (None, one.change)), "")
