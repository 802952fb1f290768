"""What people do to incidents by command: take, assign, judge, note, update, reopen and open them by hand."""

import asyncio
from collections.abc import Callable

import pytest

from bot.domain.event import AlertEvent
from bot.domain.incident import IncidentStatus
from bot.domain.severity import Severity
from bot.errors import Refused
from bot.incidents import ownership
from bot.notify.incident_card import card_of
from bot.notify.slack.render import render
from bot.notify.view import load_view
from bot.storage.queries import audit
from handlers.slack.answers import NotDone
from handlers.slack.calls import SlackEndpoint
from handlers.slack.slash import answer
from tests.conftest import Clock
from tests.integration.notify.test_broadcasts import Shown, shown
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
ADA, BOB = "U0ADA", "U0BOB"
__all__ = ["shown"]


async def _typed(pipeline: Pipeline, text: str, user: str = ADA) -> str:
    endpoint = SlackEndpoint(pipeline.database, {}, pipeline.clock, on_change=lambda: None, rules=pipeline.rules)
    return str(await answer(endpoint, "/incident", text, user))


async def _refused(pipeline: Pipeline, text: str, user: str = ADA) -> str:
    with pytest.raises(NotDone) as refused:
        await _typed(pipeline, text, user)
    return str(refused.value)


async def _card(pipeline: Pipeline) -> str:
    incident = await pipeline.only_incident()
    async with pipeline.database.read() as connection:
        view = await load_view(connection, incident.id, pipeline.clock())
    assert view is not None
    return str(render(card_of(view)).blocks)


async def _done(pipeline: Pipeline) -> list[tuple[str, str]]:
    async with pipeline.database.read() as connection:
        return [(row["actor"], row["action"]) for row in await audit.entries(connection)]


async def test_of_two_who_take_it_at_once_one_has_it_and_the_other_is_told_who(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    both = [ownership.take(pipeline.database, incident.id, user, pipeline.clock()) for user in (ADA, BOB)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    [refused] = [one for one in ended if isinstance(one, Refused)]
    taken = await pipeline.only_incident()
    assert taken.owner in (ADA, BOB)
    assert taken.status is IncidentStatus.ACKNOWLEDGED
    assert f"is taken by @{taken.owner}" in str(refused)
    assert sorted(action for _, action in await _done(pipeline)) == ["incident.taken", "incident.taken.refused"]


async def test_what_is_acknowledged_by_one_is_handed_over_by_assigning_and_not_by_taking(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    assert await _typed(pipeline, "ack 1") == "Incident #1 is yours."
    assert f"is taken by <@{ADA}>" in await _refused(pipeline, "take 1", BOB)
    assert f"assigned to <@{BOB}>" in await _typed(pipeline, f"assign 1 <@{BOB}|bob>", BOB)
    incident = await pipeline.only_incident()
    assert (incident.owner, incident.acknowledged_by) == (BOB, ADA)
    assert f"acknowledged by <@{ADA}>, owned by <@{BOB}>" in await _card(pipeline)


async def test_an_assigned_incident_calls_until_it_is_acknowledged(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    await _typed(pipeline, f"assign 1 {BOB}")
    incident = await pipeline.only_incident()
    assert (incident.status, incident.owner) == (IncidentStatus.TRIGGERED, BOB)
    assert f"triggered, assigned to <@{BOB}>" in await _card(pipeline)
    assert f"assigned to <@{BOB}>" in await _typed(pipeline, "list")
    assert "is yours" in await _typed(pipeline, "take 1", BOB)
    assert "yours already" in await _refused(pipeline, "take 1", BOB)


async def test_assign_understands_me_and_says_what_it_does_not_understand(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    for named in ("ada", "@ada", "", "<!here>", f"{BOB} {ADA}"):
        assert "Say to whom" in await _refused(pipeline, f"assign 1 {named}".strip())
    await _typed(pipeline, "assign 1 me")
    assert (await pipeline.only_incident()).owner == ADA
    assert "assigned to" in await _refused(pipeline, "assign 1 me")


async def test_taking_an_acknowledgement_back_leaves_it_to_nobody(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    assert "not acknowledged" in await _refused(pipeline, "unack 1")
    await _typed(pipeline, "take 1")
    await _typed(pipeline, "unack 1", BOB)
    incident = await pipeline.only_incident()
    assert (incident.status, incident.owner, incident.acknowledged_by) == (IncidentStatus.TRIGGERED, None, None)
    assert "is yours" in await _typed(pipeline, "take 1", BOB)


async def test_a_severity_that_a_person_set_holds_until_told_otherwise_and_what_the_alerts_say_is_shown(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(severity="critical"))
    assert "is warning now. Its alerts say critical" in await _typed(pipeline, "severity 1 minor")
    await pipeline.send(alert(severity="high", alertname="Another"))
    incident = await pipeline.only_incident()
    assert (incident.severity, incident.alerts_severity) == (Severity.WARNING, Severity.CRITICAL)
    assert f"warning (set by <@{ADA}>, the alerts say critical)" in await _card(pipeline)
    assert f"severity set by <@{ADA}>; its alerts say critical" in await _typed(pipeline, "show 1")
    assert "is warning already" in await _refused(pipeline, "severity 1 warning")
    await _typed(pipeline, "severity 1 auto")
    assert (await pipeline.only_incident()).severity is Severity.CRITICAL
    assert "follows its alerts already" in await _refused(pipeline, "severity 1 auto")
    assert "is no severity" in await _refused(pipeline, "severity 1 purple")


async def test_alerts_that_get_worse_under_a_severity_that_was_set_reach_people_once(
    shown: Shown, alert: MakeAlert
) -> None:
    await shown.send(alert())
    await _typed(shown.pipeline, "severity 1 info")
    await shown.send(alert(alertname="Down", severity="critical"))
    await shown.send(alert(alertname="Down", severity="critical", instance="2"))
    assert shown.broadcasts() == ["The alerts say critical now (was warning); the severity stays info, as set"]


async def test_a_note_is_in_the_timeline_and_an_update_in_the_channel_once(shown: Shown, alert: MakeAlert) -> None:
    await shown.send(alert())
    await _typed(shown.pipeline, "note 1 replica 3 was restarted <!channel>")
    await _typed(shown.pipeline, "update 1 carts work again")
    await shown.publish()
    await shown.publish()
    assert shown.broadcasts() == ["Update: carts work again"]
    [message] = shown.slack.messages("incidents")
    replies = str(shown.slack.replies("incidents", message["ts"]))
    assert "replica 3 was restarted &lt;!channel&gt;" in replies
    assert "<!channel>" not in replies
    assert "There is nothing written" in await _refused(shown.pipeline, "note 1")
    assert "up to 2000" in await _refused(shown.pipeline, f"note 1 {'x' * 2001}")


async def test_who_is_assigned_is_mentioned_in_the_thread_and_a_label_that_looks_like_it_is_not(
    shown: Shown, alert: MakeAlert
) -> None:
    await shown.send(alert(alertname=f"@{ADA}"))
    await _typed(shown.pipeline, f"assign 1 {BOB}")
    await shown.publish()
    [message] = shown.slack.messages("incidents")
    replies = str(shown.slack.replies("incidents", message["ts"]))
    assert f"Assigned to <@{BOB}>" in replies
    assert replies.count(f"<@{ADA}>") == 1, "who did it"


async def test_a_reopened_incident_takes_in_alerts_and_stays_open_until_somebody_resolves_it(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    await pipeline.send(alert("resolved"))
    clock.pass_(minutes=30)
    assert "stays open until somebody resolves it" in await _typed(pipeline, "reopen 1")
    assert "is open already" in await _refused(pipeline, "reopen 1")
    await pipeline.worker.tick()
    clock.pass_(minutes=1)
    await pipeline.send(alert(alertname="Another"))
    await pipeline.send(alert("resolved", alertname="Another"))
    incident = await pipeline.only_incident()
    assert incident.open
    assert incident.healthy_seconds == pytest.approx(1800)
    assert f"Opened by <@{ADA}>: stays open" in await _card(pipeline)
    await _typed(pipeline, "resolve 1")
    assert not (await pipeline.only_incident()).open


async def test_an_incident_that_was_resolved_while_it_fired_ends_with_its_alerts_once_it_is_reopened(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    await _typed(pipeline, "resolve 1 anyway")
    assert await _typed(pipeline, "reopen 1") == "Incident #1 is open again."
    await pipeline.send(alert("resolved"))
    assert not (await pipeline.only_incident()).open


async def test_an_incident_opened_by_hand_takes_in_the_alerts_of_its_service_and_keeps_its_title(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    text = "open “Customers” cannot pay severity=P1 service=“checkout”"
    assert "Incident #1 is open, critical" in await _typed(pipeline, text)
    await pipeline.worker.tick()
    opened = await pipeline.only_incident()
    assert (opened.status, opened.services, opened.kept_open_by) == (IncidentStatus.TRIGGERED, ["checkout"], ADA)
    assert opened.title == '"Customers" cannot pay'
    clock.pass_(seconds=30)
    await pipeline.send(alert(severity="info"))
    await pipeline.send(alert("resolved", severity="info"))
    incident = await pipeline.only_incident()
    assert incident.open
    assert incident.title == opened.title
    assert incident.severity is opened.severity
    assert (ADA, "incident.declared") in await _done(pipeline)


async def test_what_is_opened_without_a_severity_is_high_and_then_follows_its_alerts(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await _typed(pipeline, "open Checkout is slow service=checkout")
    assert (await pipeline.only_incident()).severity is Severity.HIGH
    await pipeline.send(alert(severity="critical"))
    assert (await pipeline.only_incident()).severity is Severity.CRITICAL


async def test_it_is_opened_where_its_service_alerts(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(cluster="eu-1"))
    await _typed(pipeline, "open Checkout is slow service=checkout")
    await _typed(pipeline, "open Cart is slow service=cart cluster=us-2")
    await pipeline.send(alert(cluster="us-2"))
    assert "has alerted in eu-1, us-2: say which" in await _refused(pipeline, "open Slow again service=checkout")
    assert [one.domain for one in (await pipeline.incidents())[:3]] == ["eu-1", "eu-1", "us-2"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("open service=cart", "Say what is wrong"),
        ("open Slow servce=cart", "servce is no option: did you mean service?"),
        ("open Slow severity=purple", "is no severity"),
        ("open Slow service=cart service=checkout", "given more than once"),
        (f"open {'x' * 151}", "may have 150"),
    ],
)
async def test_what_cannot_be_opened_is_refused_with_the_reason(pipeline: Pipeline, text: str, why: str) -> None:
    assert why in await _refused(pipeline, text)
    assert await pipeline.incidents() == []


async def test_nothing_is_done_to_what_is_over_or_unknown(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    await pipeline.send(alert("resolved"))
    for deed in ("take 1", f"assign 1 {BOB}", "unack 1", "severity 1 high"):
        assert "is already resolved" in await _refused(pipeline, deed)
    assert "Noted" in await _typed(pipeline, "note 1 it was the disk")
    assert "There is no incident #9" in await _refused(pipeline, "take 9")


async def test_a_declared_incident_that_another_takes_in_is_over_and_cannot_be_reopened(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    await _typed(pipeline, "open Checkout is slow service=cart")
    await _typed(pipeline, "merge 2 into 1")
    assert "became part of another one" in await _refused(pipeline, "reopen 2")
    first, _ = await pipeline.incidents()
    assert first.services == ["checkout", "cart"]
