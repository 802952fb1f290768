"""Who leads an incident and who is its scribe: said by command, form and API, and shown wherever people look."""

from collections.abc import Callable

import pytest

from bot.domain.deed import Role
from bot.domain.event import AlertEvent
from bot.errors import Refused
from bot.incidents import ownership, regroup
from bot.incidents.reports.markdown import load, report_of
from bot.notify.incident_card import card_of
from bot.notify.slack.render import render
from bot.notify.view import load_view
from bot.storage.queries import audit
from tests.integration.handlers.slack_workspace import GUEST, MEMBER, office
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
OTHER = "U0MEMBER2"


async def _message(pipeline: Pipeline) -> str:
    incident = await pipeline.only_incident()
    async with pipeline.database.read() as connection:
        view = await load_view(connection, incident.id, pipeline.clock())
    assert view is not None
    return str(render(card_of(view)).blocks)


async def test_roles_are_given_and_taken_back_and_the_message_and_the_report_say_so(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        assert await at.typed(MEMBER, f"lead 1 <@{OTHER}|may>") == f"Lead of incident #1 is <@{OTHER}>."
        assert await at.typed(MEMBER, "scribe 1 me") == f"Scribe of incident #1 is <@{MEMBER}>."
        assert f"Lead: <@{OTHER}> · Scribe: <@{MEMBER}>" in await _message(pipeline)
        incident = await pipeline.only_incident()
        assert (incident.owner, incident.acknowledged_by) == (None, None), "to lead is not to own"
        async with pipeline.database.read() as connection:
            report = report_of(await load(connection, incident, pipeline.clock()))
            done = [(one["actor"], one["action"]) for one in await audit.entries(connection)]
        assert f"| Lead | {OTHER} |" in report and f"| Scribe | {MEMBER} |" in report
        assert done == [(MEMBER, "incident.lead"), (MEMBER, "incident.scribe")]
        assert f"Lead is @{OTHER}" in await pipeline.timeline_of(incident)
        assert "is nobody" in await at.typed(MEMBER, "lead 1 nobody")
        assert "Lead:" not in await _message(pipeline)
        assert "is nobody already" in await at.typed(MEMBER, "lead 1 nobody")
        assert "Say to whom" in await at.typed(MEMBER, "lead 1 somebody")


async def test_who_may_not_assign_gives_no_role(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        assert "You may not give somebody a role" in await at.typed(GUEST, "lead 1 me")
        assert (await pipeline.only_incident()).lead is None


async def test_one_that_is_over_has_no_new_lead_and_one_that_goes_on_keeps_those_of_what_became_part_of_it(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    await pipeline.send(alert(service="mail"))
    kept, gone = await pipeline.incidents()
    database, now = pipeline.database, pipeline.clock()
    await ownership.give_role(database, gone.id, Role.LEAD, OTHER, MEMBER, now)
    await ownership.give_role(database, kept.id, Role.SCRIBE, MEMBER, MEMBER, now)
    await regroup.merge_by_hand(database, gone.number, kept.number, MEMBER, now)
    kept, gone = await pipeline.incidents()
    assert (kept.lead, kept.scribe) == (OTHER, MEMBER)
    with pytest.raises(Refused, match="already resolved"):
        await ownership.give_role(database, gone.id, Role.LEAD, MEMBER, MEMBER, now)
    with pytest.raises(Refused, match="no id of a person"):
        await ownership.give_role(database, kept.id, Role.LEAD, "S0GROUP11", MEMBER, now)
