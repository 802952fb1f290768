"""Whom an escalation calls, when, and when it stops: through Slack, PagerDuty, Opsgenie and a webhook."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from bot.domain.incident import IncidentStatus
from bot.domain.oncall.page import CallState
from bot.incidents import lifecycle
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages
from tests.conftest import Clock
from tests.integration.oncall.night import ANA, BEN, CHEN, GROUP, SECRETS, Night, escalation, mentioning, night
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def at(pipeline: Pipeline) -> AsyncIterator[Night]:
    async with night(pipeline) as one:
        yield one


def first_night(at: Night) -> dict[str, Any]:
    pagerduty = {"secret": "PD", "url": f"{at.called.url}/pagerduty"}
    steps = (
        mentioning("0m", [{"schedule": "shop"}]),
        mentioning("10m", [BEN, GROUP]),
        {"after": "20m", "pagerduty": pagerduty},
    )
    return escalation(*steps) | {"schedules": {"shop": {"rotation": [ANA]}}}


async def test_nobody_answers_so_the_next_is_called_until_somebody_acknowledges(at: Night, alert: MakeAlert) -> None:
    at.describe(first_night(at))
    incident = await at.opens(alert(severity="critical"))
    await at.works()
    assert at.mentions() == [f"<@{ANA}>"]
    await at.passes(minutes=9, seconds=59)
    assert at.mentions() == [f"<@{ANA}>"]
    await at.passes(seconds=1)
    assert at.mentions() == [f"<@{ANA}>", f"<@{BEN}>"]
    assert f"<!subteam^{GROUP}>" in at.replies()[-1]["text"]
    assert at.called.acts() == []
    await at.passes(minutes=10)
    [event] = at.called.bodies("/pagerduty")
    assert (event["dedup_key"], event["routing_key"]) == (incident.id, SECRETS["PD"])
    assert event["payload"]["severity"] == "critical"
    await lifecycle.acknowledge(at.pipeline.database, incident.id, ANA, at.clock())
    await at.passes(hours=5)
    await lifecycle.resolve(at.pipeline.database, incident.id, ANA, at.clock())
    await at.passes(hours=5)
    assert at.called.acts() == ["trigger", "acknowledge", "resolve"]
    assert at.mentions() == [f"<@{ANA}>", f"<@{BEN}>"]
    timeline = await at.pipeline.timeline_of(incident)
    assert f"Escalation shop, step 1: mentioned {ANA}" in timeline
    assert "Escalation shop, step 3: called PagerDuty" in timeline
    assert sum("mentioned" in str(one) for one in at.replies()) == 0, "the thread does not say it twice"


@on_sqlite
async def test_an_acknowledgement_in_the_same_moment_stops_the_step(at: Night, alert: MakeAlert) -> None:
    at.describe(escalation(mentioning("0m", [ANA]), mentioning("10m", [BEN])))
    incident = await at.opens(alert())
    await at.works()
    at.clock.pass_(minutes=10)
    await at.loop.look()  # the step is taken, and its call wanted
    await lifecycle.acknowledge(at.pipeline.database, incident.id, CHEN, at.clock())
    await at.works()
    assert at.mentions() == [f"<@{ANA}>"]
    assert [page.state for page in await at.calls()] == [CallState.DONE, CallState.SUPERSEDED]


@on_sqlite
async def test_whom_the_message_has_mentioned_itself_the_first_step_does_not_mention_again(
    at: Night, alert: MakeAlert
) -> None:
    at.describe(escalation(mentioning("0m", [ANA]), mentioning("5m", [ANA])))
    incident = await at.opens(alert())
    await at.shows()
    async with at.pipeline.database.write() as connection:
        message = await channel_messages.of_incident(connection, incident.id, "C0INCIDENTS")
        await channel_messages.save(connection, msgspec.structs.replace(message, mentioned=[BEN, ANA]))
    await at.works()
    assert at.mentions() == []
    assert [page.state for page in await at.calls()] == [CallState.DONE]
    await at.passes(minutes=5)
    assert at.mentions() == [f"<@{ANA}>"]


@on_sqlite
async def test_all_steps_are_repeated_and_then_it_ends(at: Night, alert: MakeAlert) -> None:
    at.describe(escalation(mentioning("0m", [ANA]), mentioning("5m", [BEN]), repeat=1))
    await at.opens(alert())
    for _ in range(40):
        await at.passes(minutes=1)
    assert at.mentions() == [f"<@{ANA}>", f"<@{BEN}>", f"<@{ANA}>", f"<@{BEN}>"]
    assert "round 2" in at.replies()[-1]["text"]


@on_sqlite
@pytest.mark.parametrize("how", ["reopened", "unacknowledged"])
async def test_it_begins_anew_where_nobody_has_it_any_more(at: Night, alert: MakeAlert, how: str) -> None:
    at.describe(escalation(mentioning("1m", [ANA])))
    incident = await at.opens(alert())
    await at.works()
    await at.passes(minutes=1)
    await lifecycle.acknowledge(at.pipeline.database, incident.id, ANA, at.clock())
    if how == "reopened":
        await at.works()
        await lifecycle.resolve(at.pipeline.database, incident.id, ANA, at.clock())
    await at.passes(minutes=1)
    async with at.pipeline.database.write() as connection:
        known = await incidents.by_id(connection, incident.id)
        assert known is not None
        nobodys = {
            "status": IncidentStatus.TRIGGERED,
            "acknowledged_by": None,
            "resolved_by": None,
            "resolved_at": None,
        }
        await incidents.save(connection, [msgspec.structs.replace(known, **nobodys, version=known.version + 1)], {})
    await at.works()
    assert at.mentions() == [f"<@{ANA}>"]
    await at.passes(minutes=1)
    assert at.mentions() == [f"<@{ANA}>", f"<@{ANA}>"]


@on_sqlite
async def test_whoever_acknowledged_is_reminded_until_it_is_resolved(at: Night, alert: MakeAlert) -> None:
    at.describe(escalation(mentioning("0m", [ANA]), remind="4h"))
    incident = await at.opens(alert())
    await at.works()
    await lifecycle.acknowledge(at.pipeline.database, incident.id, BEN, at.clock())
    await at.works()
    await at.passes(hours=3)
    assert at.mentions() == [f"<@{ANA}>"]
    await at.passes(hours=1)
    await at.passes(hours=4)
    assert at.mentions() == [f"<@{ANA}>", f"<@{BEN}>", f"<@{BEN}>"]
    assert "acknowledged and not resolved" in at.replies()[-1]["text"]
    await lifecycle.resolve(at.pipeline.database, incident.id, BEN, at.clock())
    await at.passes(hours=9)
    assert len(at.mentions()) == 3


async def test_a_direct_message_goes_to_each_person_and_leads_to_the_incident(at: Night, alert: MakeAlert) -> None:
    at.describe(
        escalation({"direct_message": [ANA, {"schedule": "shop"}]}) | {"schedules": {"shop": {"rotation": [BEN]}}}
    )
    incident = await at.opens(alert())
    await at.works()
    for person in (ANA, BEN):
        [message] = at.slack.messages(person)
        [_, buttons] = message["blocks"]
        assert "#1" in message["text"]
        assert [(one["action_id"], one["value"]) for one in buttons["elements"]] == [
            ("incident.ack", incident.id),
            ("incident.seen", incident.id),
        ]
        assert "#C0INCIDENTS/" in message["blocks"][0]["text"]["text"]


@on_sqlite
async def test_opsgenie_and_a_webhook_are_called_and_told_what_became_of_it(at: Night, alert: MakeAlert) -> None:
    opsgenie = {"secret": "OG", "url": f"{at.called.url}/v2/alerts"}
    webhook = {"url": f"{at.called.url}/hook", "secret": "HOOK"}
    at.describe(escalation({"opsgenie": opsgenie, "webhook": webhook}))
    incident = await at.opens(alert(severity="critical"))
    await at.works()
    await lifecycle.acknowledge(at.pipeline.database, incident.id, ANA, at.clock())
    await at.works()
    await lifecycle.resolve(at.pipeline.database, incident.id, ANA, at.clock())
    await at.works()
    alias = f"/v2/alerts/{incident.id}"
    opsgenies = [
        path for path, headers, _ in at.called.requests if headers.get("Authorization") == f"GenieKey {SECRETS['OG']}"
    ]
    assert opsgenies == [
        "/v2/alerts",
        f"{alias}/acknowledge?identifierType=alias",
        f"{alias}/close?identifierType=alias",
    ]
    created = at.called.bodies("/v2/alerts")[0]
    assert (created["alias"], created["priority"]) == (incident.id, "P1")
    hooks = at.called.bodies("/hook")
    assert [body["type"] for body in hooks] == ["escalation.trigger", "escalation.acknowledge", "escalation.resolve"]
    assert hooks[0]["data"]["incident"]["number"] == 1
    _, headers, body = next(one for one in at.called.requests if one[0] == "/hook")
    key = base64.b64decode(SECRETS["HOOK"].removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@on_sqlite
async def test_what_an_alert_says_of_itself_mentions_nobody(at: Night, alert: MakeAlert) -> None:
    at.describe(escalation(mentioning("0m", [ANA])))
    await at.opens(alert(alertname=f"<!channel> <@{BEN}> @{CHEN}"))
    await at.works()
    [reply] = [one for one in at.replies() if one.get("subtype") == "thread_broadcast"]
    shown = reply["text"] + str(reply["blocks"])
    assert shown.count("<@") == shown.count(f"<@{ANA}>")
    assert "<!" not in shown


@on_sqlite
async def test_another_escalation_of_a_changed_route_begins_and_the_first_ends(at: Night, alert: MakeAlert) -> None:
    rules = {
        name: {"steps": [mentioning("0m", [who]), mentioning("5m", [who])]} for name, who in (("a", ANA), ("b", BEN))
    }
    at.describe({"escalations": rules})
    incident = await at.opens(alert(), escalation="a")
    await at.works()
    async with at.pipeline.database.write() as connection:  # as the router does, without a new version
        known = await incidents.by_id(connection, incident.id)
        assert known is not None
        await incidents.save(connection, [msgspec.structs.replace(known, escalation="b")], {})
    await at.passes(minutes=5)
    await at.passes(minutes=5)
    assert at.mentions() == [f"<@{ANA}>", f"<@{BEN}>", f"<@{BEN}>"]


@on_sqlite
async def test_what_tandem_yaml_says_after_a_restart_holds_for_what_is_under_way(
    at: Night, alert: MakeAlert, clock: Clock
) -> None:
    at.describe(escalation(mentioning("0m", [ANA]), mentioning("10m", [ANA])))
    await at.opens(alert())
    await at.works()
    at.describe({"escalations": {"other": {"steps": [mentioning("0m", [BEN])]}}})
    await at.loop.begin()
    await at.passes(hours=1)
    assert at.mentions() == [f"<@{ANA}>"]
    at.describe(escalation(mentioning("0m", [BEN])))
    await at.loop.begin()
    await at.works()
    assert at.mentions() == [f"<@{ANA}>", f"<@{BEN}>"]


@on_sqlite
async def test_a_clock_that_was_put_back_delays_no_step_by_more_than_it_was_to_wait(
    at: Night, alert: MakeAlert
) -> None:
    at.describe(escalation(mentioning("0m", [ANA]), mentioning("10m", [BEN])))
    await at.opens(alert())
    await at.works()
    at.clock.now -= timedelta(hours=3)
    at.begin()
    await at.loop.begin()
    await at.passes(minutes=10)
    assert at.mentions() == [f"<@{ANA}>", f"<@{BEN}>"]
