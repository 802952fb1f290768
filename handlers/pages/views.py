"""What each page shows, read as the API reads it: with the scopes and domains of the token."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, cast

from bot.domain.access.scope import Scope
from bot.domain.alert import Alert
from bot.domain.duration import format_duration
from bot.domain.review.course import course_of
from bot.domain.review.texts import Texts
from bot.notify.readings import reading_in_words
from bot.routing.schedules.roster import Roster
from bot.storage.queries import alerts, runs
from bot.storage.queries.deeds import reports
from bot.storage.queries.listed.timeline import newest_entries
from handlers.api.descriptions import describe
from handlers.api.found import incident_in
from handlers.api.operations.incidents import ListQuery, list_incidents
from handlers.api.operations.models import ModelsQuery, list_models
from handlers.api.operations.services import ServiceQuery, list_services
from handlers.api.shapes import IncidentPage, ServicePage, ServiceShape
from handlers.api.shapes_of_models import ModelPage, ModelShape
from handlers.pages.course import course_picture
from handlers.pages.lately import LatelyNoisy, approved_lately, on_call_now
from handlers.pages.rendering import ROWS
from handlers.pages.topology import service_graph
from handlers.pages.view import Asked, View, asked_with


class ShownAlert(NamedTuple):
    alert: Alert
    reading: str
    labels: str


async def overview(call: Asked, roster: Roster | None, noisy: LatelyNoisy) -> View:
    reads_incidents, reads_models = (scope in call.caller.scopes for scope in (Scope.INCIDENTS_READ, Scope.MODELS_READ))
    opened = await _open_incidents(call) if reads_incidents else None
    services = await _services(call) if reads_incidents else []
    content = {
        "opened": opened and sorted(opened.incidents, key=lambda one: one.severity.rank),
        "more_opened": opened is not None and opened.next is not None,
        "services": services,
        "graph": service_graph(services),
        "on_call": await on_call_now(roster) if reads_incidents and roster else [],
        "approved": await approved_lately(call) if reads_incidents else [],
        "noisy": await noisy.of(call) if reads_incidents else [],
        "models": await _models(call) if reads_models else None,
        "now": call.now,
    }
    return View("overview.html", content)


async def noise(call: Asked, noisy: LatelyNoisy) -> View:
    """The noisiest alerts, with the settings that are proposed as patches. Nothing is changed here."""
    counted = await noisy.of(call)
    found = counted or []
    patches = await asyncio.to_thread(lambda: [call.backend.patches.of(one) for one in found])
    listed = list(zip(found, patches, strict=True))
    return View("noise.html", {"noisy": listed, "counting": counted is None, "now": call.now})


async def incident_report(call: Asked) -> View:
    async with call.database.read() as connection:
        incident = await incident_in(connection, call, call.path["id"])
        [shape] = await describe(connection, [incident], call.backend.policy.teams, with_alerts=False)
        listed = (await alerts.of_incidents(connection, [incident.id], ROWS))[incident.id]
        tallies = (await alerts.tallies_of(connection, [incident.id]))[incident.id]
        timeline = await newest_entries(connection, incident.id, ROWS + 1)
        known = (await runs.of_incidents(connection, [incident.id]))[incident.id]
        written = await reports.texts_of(connection, incident.id)
    content = {
        "incident": shape,
        "lasted": format_duration(incident.lasted(call.now)),
        "alerts": [ShownAlert(one, reading_in_words(one), _labels(one)) for one in listed],
        "alerts_in_all": sum(one.alerts for one in tallies),
        "firing": sum(one.alerts for one in tallies if one.active),
        "timeline": timeline,
        "picture": course_picture(course_of(incident, listed, known, call.now)),
        "written": written or Texts(),
        "now": call.now,
    }
    return View("incident.html", content)


async def _open_incidents(call: Asked) -> IncidentPage:
    """Of very many the newest."""
    asked = asked_with(call, ListQuery(status="open", alerts=False, limit=ROWS))
    return cast(IncidentPage, (await list_incidents(asked)).value)


async def _services(call: Asked) -> Sequence[ServiceShape]:
    """Those in trouble first."""
    page = cast(ServicePage, (await list_services(asked_with(call, ServiceQuery()))).value)
    return sorted(page.services, key=lambda one: (one.severity is None, one.severity.rank if one.severity else 0))


async def _models(call: Asked) -> Sequence[ModelShape]:
    return cast(ModelPage, (await list_models(asked_with(call, ModelsQuery()))).value).models


def _labels(alert: Alert) -> str:
    return " ".join(f"{name}={value}" for name, value in alert.labels.items() if name != "alertname")
