"""Resolving what still fires: people are asked once, and what fires on for too long calls again by itself."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.domain.alert import AlertRules
from bot.domain.event import AlertEvent
from bot.domain.matcher import Matcher
from bot.domain.rules import Rules
from bot.errors import Refused
from bot.inbox.inbox import Inbox
from bot.incidents import lifecycle
from bot.incidents.silencing import add_silence
from bot.notify.incident_card import card_of
from bot.notify.slack.render import render
from bot.notify.view import load_view
from bot.storage.database import Database
from handlers.slack.answers import NotDone
from handlers.slack.calls import Click, SlackEndpoint
from handlers.slack.registry import actions
from handlers.slack.slash import answer
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


async def _resolve(pipeline: Pipeline) -> None:
    [incident, *_] = await pipeline.incidents()
    await lifecycle.resolve(pipeline.database, incident.id, "U1", pipeline.clock())


async def _statuses(pipeline: Pipeline) -> list[str]:
    return [str(incident.status) for incident in await pipeline.incidents()]


async def test_what_fires_on_calls_again_without_a_repetition_of_its_sender(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert(group="g"), alert(alertname="Ends", group="g"), alert(alertname="Stays", group="g"))
    await _resolve(pipeline)
    await pipeline.send(alert("resolved", alertname="Ends", group="g"))
    clock.pass_(minutes=9)
    await pipeline.worker.tick()
    assert await _statuses(pipeline) == ["resolved"]
    clock.pass_(minutes=1)
    await pipeline.worker.tick()
    assert await _statuses(pipeline) == ["resolved", "triggered"]
    first, second = await pipeline.incidents()
    assert sorted(one.name for one in await pipeline.alerts_of(second)) == ["HighLatency", "Stays"]
    assert "2 alerts still fire 10m after this was resolved: a new incident calls for it" in (
        await pipeline.timeline_of(first)
    )
    await pipeline.worker.tick()
    await pipeline.send(alert(group="g"))
    assert await _statuses(pipeline) == ["resolved", "triggered"]


async def test_what_ended_in_time_calls_nobody(pipeline: Pipeline, alert: MakeAlert, clock: Clock) -> None:
    await pipeline.send(alert())
    await _resolve(pipeline)
    await pipeline.send(alert("resolved"))
    clock.pass_(hours=1)
    await pipeline.worker.tick()
    assert await _statuses(pipeline) == ["resolved"]


async def test_what_fires_again_reopens_its_incident_and_calls_only_once(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    await _resolve(pipeline)
    clock.pass_(minutes=1)
    await pipeline.send(alert("resolved"))
    clock.pass_(minutes=1)
    await pipeline.send(alert())
    assert await _statuses(pipeline) == ["triggered"]
    clock.pass_(minutes=9)
    await pipeline.worker.tick()
    assert await _statuses(pipeline) == ["triggered"]


async def test_it_is_held_for_as_long_as_is_configured_also_against_repetitions(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    rules = Rules(alerts=AlertRules(resolve_holds=timedelta(hours=1)))
    pipeline = await Pipeline(database, inbox, clock, rules).prepare()
    await pipeline.send(alert())
    await _resolve(pipeline)
    clock.pass_(minutes=30)
    await pipeline.send(alert())
    await pipeline.worker.tick()
    assert await _statuses(pipeline) == ["resolved"]
    clock.pass_(minutes=31)
    await pipeline.worker.tick()
    assert await _statuses(pipeline) == ["resolved", "triggered"]


async def test_what_was_silenced_meanwhile_calls_when_the_silence_ends(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    await _resolve(pipeline)
    matchers = [Matcher("service", "=", "checkout")]
    await add_silence(pipeline.database, matchers, timedelta(hours=1), "", "U1", clock.now)
    clock.pass_(minutes=11)
    await pipeline.worker.tick()
    assert await _statuses(pipeline) == ["resolved"]
    clock.pass_(hours=1)
    await pipeline.worker.tick()
    assert await _statuses(pipeline) == ["resolved", "triggered"]


async def test_the_button_asks_with_the_number_and_an_old_one_without_the_question_does_nothing(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(), alert(alertname="B"), alert(alertname="C"))
    incident = await pipeline.only_incident()
    async with pipeline.database.read() as connection:
        view = await load_view(connection, incident.id, pipeline.clock())
    assert view is not None
    elements = [one for block in render(card_of(view)).blocks for one in block.get("elements", [])]
    [button] = [one for one in elements if one.get("action_id") == "incident.resolve"]
    assert button["confirm"]["text"]["text"].startswith("3 alerts still fire")
    endpoint = SlackEndpoint(pipeline.database, {}, pipeline.clock, on_change=lambda: None)
    resolve = actions()["incident.resolve"]
    with pytest.raises(Refused, match="3 alerts still fire"):
        await resolve(Click(endpoint, "U1", pipeline.clock(), incident.id))
    assert await _statuses(pipeline) == ["triggered"]
    await resolve(Click(endpoint, "U1", pipeline.clock(), button["value"]))
    assert await _statuses(pipeline) == ["resolved"]


async def test_the_command_asks_once_and_only_where_something_fires(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    endpoint = SlackEndpoint(pipeline.database, {}, pipeline.clock, on_change=lambda: None)
    with pytest.raises(NotDone, match=r"1 alert still fires in incident #1.*`/incident resolve 1 anyway`"):
        await answer(endpoint, "/incident", "resolve 1", "U1")
    with pytest.raises(NotDone, match="by its number"):
        await answer(endpoint, "/incident", "resolve 1 please", "U1")
    assert await answer(endpoint, "/incident", "resolve 1 anyway", "U1") == "Incident #1 is resolved."
