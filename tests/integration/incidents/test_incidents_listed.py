"""What the commands say of incidents: the worst first with owner, cause and link, what fires and what has ended."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.noise import Episode, noise_of
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.incidents import lifecycle
from bot.incidents.regroup import merge_by_hand
from bot.localslack import LocalSlack
from bot.localslack.blocks import problems_of
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.links import Links
from bot.storage.database import Database
from handlers.slack.calls import SlackEndpoint
from handlers.slack.reply import Reply
from handlers.slack.slash import answer
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


async def _typed(pipeline: Pipeline, text: str, slack: LocalSlack | None = None) -> str:
    given = await _answered(pipeline, text, slack)
    return given.text if isinstance(given, Reply) else str(given)


async def _answered(pipeline: Pipeline, text: str, slack: LocalSlack | None = None) -> Any:
    links = Links(AsyncWebClient(slack.bot_token, base_url=slack.api_url)) if slack else None
    endpoint = SlackEndpoint(pipeline.database, {}, pipeline.clock, on_change=lambda: None, links=links)
    return await answer(endpoint, "/incident", text, "U1")


async def _published(pipeline: Pipeline, slack: LocalSlack) -> None:
    channel = SlackChannel(AsyncWebClient(slack.bot_token, base_url=slack.api_url), "#incidents")
    notifier = Notifier(pipeline.database, channel, pipeline.clock, interval=0.0)
    while await notifier.reconcile():
        pass


async def test_the_list_begins_with_the_worst_and_names_owner_age_cause_and_link(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert(cluster="a", service="old"))
    clock.pass_(minutes=5)
    await pipeline.send(alert(cluster="b", service="bad", severity="critical"))
    clock.pass_(minutes=1)
    await pipeline.send(alert(cluster="c", service="worse", alertname="DiskFull", severity="critical"))
    _, bad, worse = await pipeline.incidents()
    await lifecycle.acknowledge(pipeline.database, bad.id, "U012AB3CD", clock.now)
    async with LocalSlack() as slack:
        await _published(pipeline, slack)
        lines = (await _typed(pipeline, "list", slack)).splitlines()
    names = [next(name for name in ("old", "bad", "worse") if f" {name} is " in line) for line in lines]
    assert names == ["worse", "bad", "old"]
    assert "critical · acknowledged by <@U012AB3CD> for 1m" in lines[1]
    assert "triggered for 6m" in lines[2]
    assert all("|open>" in line for line in lines)
    assert f"likely cause: {worse.causes[0].phrase}" in lines[0]


async def test_show_says_of_alerts_whether_they_fire_or_have_ended(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(group="g"), alert(alertname="Ends", group="g"))
    await pipeline.send(alert("resolved", alertname="Ends", group="g"))
    lines = (await _typed(pipeline, "show 1")).splitlines()
    assert any("HighLatency" in line and line.endswith("· firing") for line in lines)
    assert any("Ends" in line and line.endswith("· ended") for line in lines)


async def test_in_blocks_what_fires_and_what_has_ended_stand_apart_with_a_link_to_the_message(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(group="g"), alert(alertname="Ends", group="g"))
    await pipeline.send(alert("resolved", alertname="Ends", group="g"))
    async with LocalSlack() as slack:
        await _published(pipeline, slack)
        shown = await _answered(pipeline, "show 1", slack)
        listed = await _answered(pipeline, "list", slack)
    assert problems_of(shown.blocks) == problems_of(listed.blocks) == []
    texts = [block["text"]["text"] for block in shown.blocks if block["type"] == "section"]
    [firing] = [text for text in texts if text.startswith("🔥 *Firing* · 1")]
    [ended] = [text for text in texts if text.startswith("✅ *Ended* · 1")]
    assert ("HighLatency" in firing, "Ends" in firing, "Ends" in ended) == (True, False, True)
    assert any("|Message and thread>" in str(block) for block in shown.blocks if block["type"] == "context")
    assert shown.blocks[0]["text"]["text"] == "🟡 #1 checkout is slow"


async def test_the_list_has_what_ended_in_the_last_day_below_what_is_open(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert(service="cart"))
    await pipeline.send(alert("resolved", service="cart"))
    clock.pass_(minutes=30)
    await pipeline.send(alert(service="mail"))
    texts = [block["text"]["text"] for block in (await _answered(pipeline, "list")).blocks]
    assert texts[0] == "*Open*" and "mail is slow" in texts[1]
    assert texts[2] == "*Ended in the last day*" and "cart was slow" in texts[3]
    clock.pass_(hours=24)
    assert "cart" not in str(await _answered(pipeline, "list"))


async def test_noise_suggests_no_silence_for_what_people_act_upon(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert(alertname="Useful"), alert(alertname="Noisy", service="cart", cluster="eu"))
    useful, _ = sorted(await pipeline.incidents(), key=lambda one: "cart" in one.services)
    await lifecycle.acknowledge(pipeline.database, useful.id, "U1", clock.now)
    said = (await _typed(pipeline, "noise 7")).split("• ")
    [of_useful], [of_noisy] = ([part for part in said if name in part] for name in ("Useful", "Noisy"))
    assert "people act upon it" in of_useful
    assert "/incident silence" not in of_useful
    assert "/incident silence 1d" in of_noisy


def test_what_is_acted_upon_half_of_the_time_is_still_noise() -> None:
    moment = Clock().now
    lives = [
        Episode(name="A", service="s", labels={}, group=None, starts_at=moment, ends_at=moment, led_on=led)
        for led in (True, False)
    ]
    [half] = noise_of(lives, {}, moment + timedelta(hours=1))
    [most] = noise_of([*lives, lives[0]], {}, moment + timedelta(hours=1))
    assert (half.acted_upon, most.acted_upon) == (False, True)


async def test_a_merged_incident_points_to_the_one_it_became_part_of_with_a_link(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    await pipeline.send(alert(service="cart"))
    async with LocalSlack() as slack:
        await _published(pipeline, slack)
        await merge_by_hand(pipeline.database, 2, 1, "U1", clock.now)
        await _published(pipeline, slack)
        messages = {message["text"].split()[1]: message for message in slack.messages("incidents")}
        texts = [block["text"]["text"] for block in messages["#2"]["blocks"] if block["type"] == "section"]
        [points] = [text for text in texts if text.startswith("↪️")]
        assert f"{slack.url}/#C0INCIDENTS/{messages['#1']['ts']}|incident #1>" in points


async def test_title_summary_and_cause_are_made_anew_after_a_split_and_a_merge(
    database: Database, inbox: Inbox, alert: MakeAlert, clock: Clock
) -> None:
    pipeline = await Pipeline(database, inbox, clock, Rules(depends_on={"checkout": ["cart"]})).prepare()
    full = alert(service="cart", group="g", alertname="DiskFull", severity="critical")
    await pipeline.send(alert(group="g"), full, alert(service="cart", group="g"))
    assert "split off" in await _typed(pipeline, "split 1 service=cart")
    old, new = await pipeline.incidents()
    assert (old.title, new.title) == ("checkout is slow", "cart is running out of disk")
    assert "cart" not in old.summary
    assert new.summary.startswith("DiskFull on cart since")
    await pipeline.worker.tick()
    old, new = await pipeline.incidents()
    assert ([cause.service for cause in new.causes], old.causes) == (["cart"], [])
    assert "cart" in new.summary
    assert f"{new.causes[0].phrase} is the likely cause" in new.summary
    merged = await merge_by_hand(pipeline.database, 2, 1, "U1", clock.now)
    assert "3 alerts are firing on cart, checkout" in merged.summary
    await pipeline.worker.tick()
    await pipeline.worker.tick()
    first, _ = await pipeline.incidents()
    assert first.version == merged.version + 1
    assert first.causes[0].service == "cart"
