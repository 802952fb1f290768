"""The local Slack's page in a real browser: what an app posts is seen, and what a person does reaches the app."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack
from tests.acceptance.browser import WAIT_SECONDS, Browser, needs_browser

ANA, BEN = "U012AB3CD", "U0BYSTAND"
CHANNEL = "incidents"
SECRET = "local-secret"

pytestmark = needs_browser


class App:
    """An app behind a real HTTP server. Keeps the deliveries that are signed; ``answer`` says what they get."""

    def __init__(self) -> None:
        self.deliveries: list[dict[str, Any]] = []
        self.arrived = asyncio.Condition()
        self.answer: Callable[[dict[str, Any]], web.Response] = lambda delivery: web.Response()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.text()
        assert SignatureVerifier(SECRET).is_valid_request(body, dict(request.headers))
        form = {name: str(value) for name, value in (await request.post()).items()}
        delivery = json.loads(form["payload"]) if "payload" in form else form
        async with self.arrived:
            self.deliveries.append(delivery)
            self.arrived.notify_all()
        await self.may_answer.wait()
        return self.answer(delivery)

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_SECONDS), self.arrived:
            await self.arrived.wait_for(lambda: bool(self.deliveries))
            return self.deliveries.pop(0)


@pytest.fixture
async def app() -> App:
    return App()


@pytest.fixture
async def slack(app: App) -> AsyncIterator[LocalSlack]:
    application = web.Application()
    application.router.add_post("/slack/events", app.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    async with LocalSlack(request_url=url, signing_secret=SECRET, channels=(CHANNEL, "releases")) as slack:
        yield slack
        app.may_answer.set()
    await runner.cleanup()


@pytest.fixture
def bot(slack: LocalSlack) -> AsyncWebClient:
    return AsyncWebClient(slack.bot_token, base_url=slack.api_url)


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def button(action: str, label: str, value: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": plain(label), "value": value, **more}


def actions(block_id: str, *elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


async def post(bot: AsyncWebClient, *blocks: dict[str, Any], text: str = "an incident", **more: Any) -> str:
    return str((await bot.chat_postMessage(channel=CHANNEL, text=text, blocks=list(blocks), **more))["ts"])


async def test_blocks_are_shown_as_slack_shows_them(browser: Browser, bot: AsyncWebClient) -> None:
    ts = await post(
        bot,
        {"type": "header", "text": plain(":rotating_light: #12 HighLatency on forecast-api")},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Severity*\n🔴 critical"}]},
        section("*What fires*\n• `forecast-api` says <https://a.example/?x=1&amp;y=2|more> to <@U012AB3CD> :fire:"),
        section("```\nsupervisorctl start forecast:*\nsecond *line*\n```"),
        section("&gt; quoted\nsince <!date^86400^{date_num}|once>"),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "at 12:30:45, by snake_case_name"}]},
    )
    message = await browser.see(f"[data-testid=message][data-ts='{ts}']")
    inside = f"[data-ts='{ts}'] "
    assert (await browser.see(inside + "h3")).text == "🚨 #12 HighLatency on forecast-api"
    assert (await browser.see(inside + "b", "What fires")).text == "What fires"
    link = await browser.see(inside + ".text a")
    assert (link.text, link.get_attribute("href")) == ("more", "https://a.example/?x=1&y=2")
    assert (await browser.see(inside + "pre")).text == "supervisorctl start forecast:*\nsecond *line*"
    assert (await browser.see(inside + "blockquote")).text == "quoted"
    assert (await browser.see(inside + ".context")).text == "at 12:30:45, by snake_case_name"
    assert all(said in message.text for said in ("Tandem", "APP", "@ana", "🔥", "since 1970-01-0"))


HOSTILE = (
    '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'
    "&lt;b&gt;&amp;amp; <javascript:window.broken=1|go>"
)


async def test_text_is_never_html(browser: Browser, bot: AsyncWebClient) -> None:
    ts = await post(bot, section(HOSTILE), {"type": "header", "text": plain("<i>&lt;u&gt;")}, text=HOSTILE)
    message = await browser.see(f"[data-ts='{ts}']")
    assert "<b>&amp; go" in message.text
    assert "<i><u>" in message.text
    assert await browser.run("return window.broken") is None
    assert (
        await browser.run("return document.querySelectorAll('.list img, .list script, .list a, .list u').length") == 0
    )


async def test_an_edit_is_shown_at_once_and_keeps_focus_and_place(browser: Browser, bot: AsyncWebClient) -> None:
    for number in range(40):
        ts = await post(bot, section(f"message {number}\nwith a second line"), text=str(number))
    await browser.see(f"[data-ts='{ts}']", "message 39")
    await browser.run("document.querySelector('[data-testid=messages]').scrollTop = 300")
    await browser.type("[data-testid=composer]", "half a sen")
    await bot.chat_update(channel=CHANNEL, ts=ts, text="x", blocks=[section("resolved")])
    await post(bot, section("a new one"))
    await browser.until(lambda d: "resolved" in d.find_element(By.CSS_SELECTOR, f"[data-ts='{ts}']").text, "no edit")
    await browser.see(".newer")
    assert "(edited)" in await browser.run(f"return document.querySelector(\"[data-ts='{ts}']\").textContent")
    assert await browser.run("return document.querySelector('[data-testid=messages]').scrollTop") == 300
    assert await browser.run("return document.activeElement.value") == "half a sen"
    await browser.click(".newer")
    await browser.see_no(".newer")


async def test_a_button_reaches_the_app_signed_and_is_disabled_meanwhile(
    browser: Browser, bot: AsyncWebClient, app: App
) -> None:
    app.may_answer.clear()
    ts = await post(
        bot,
        actions("run-1", button("run.approve", "Approve", "first", style="primary")),
        actions(
            "run-2", button("run.approve", "Approve", "second"), button("run.reject", "Reject", "x", style="danger")
        ),
    )
    second = f"[data-ts='{ts}'] .block:nth-child(2) [data-testid=button][data-action-id='run.approve']"
    await browser.click(second)
    delivery = await app.next()
    assert delivery["user"]["id"] == ANA
    assert (delivery["message"]["ts"], delivery["actions"][0]["value"]) == (ts, "second")
    await browser.see(f"{second}:disabled")
    app.may_answer.set()
    await browser.see(f"{second}:enabled")
    assert await browser.run("return document.activeElement === document.querySelector(arguments[0])", second)
    await browser.become(BEN)
    await browser.click(f"[data-ts='{ts}'] .danger")
    assert (await app.next())["user"]["id"] == BEN
    await browser.become(ANA)


async def test_an_app_that_fails_is_reported_where_the_click_was(
    browser: Browser, bot: AsyncWebClient, app: App
) -> None:
    app.answer = lambda delivery: web.Response(status=500)
    ts = await post(bot, actions("run", button("run.approve", "Approve", "v")))
    await browser.click(f"[data-ts='{ts}'] [data-testid=button]")
    await browser.see(f"[data-ts='{ts}'] [data-testid=problem]", "500")


async def test_a_select_and_a_button_that_asks_first_work(browser: Browser, bot: AsyncWebClient, app: App) -> None:
    options = [{"text": plain(name), "value": name} for name in ("high", "low")]
    confirm = {
        "title": plain("Sure?"),
        "text": plain("It pages people."),
        "confirm": plain("Page"),
        "deny": plain("No"),
    }
    select = {"type": "static_select", "action_id": "severity", "placeholder": plain("Severity"), "options": options}
    ts = await post(bot, actions("all", select, button("page", "Page", "v", confirm=confirm)))
    chosen = await browser.see(f"[data-ts='{ts}'] [data-testid=select]")
    await asyncio.to_thread(Select(chosen).select_by_visible_text, "low")
    assert (await app.next())["actions"][0]["selected_option"]["value"] == "low"
    await browser.click(f"[data-ts='{ts}'] [data-action-id=page]")
    await browser.click("[data-testid=confirm] .primary")
    assert (await app.next())["actions"][0]["action_id"] == "page"


async def test_a_thread_opens_beside_the_channel_and_takes_replies(
    browser: Browser, bot: AsyncWebClient, slack: LocalSlack
) -> None:
    ts = await post(bot, section("an incident"))
    await post(bot, section("first entry"), thread_ts=ts)
    await browser.click(f"[data-ts='{ts}'] [data-testid=replies]")
    await browser.see("[data-testid=thread-pane] [data-testid=message]", "first entry")
    await post(bot, section("second entry"), thread_ts=ts)
    await browser.see("[data-testid=thread-pane] [data-testid=message]", "second entry")
    await browser.type("[data-testid=thread-composer]", "on <it>", Keys.ENTER)
    await browser.see("[data-testid=thread-pane] [data-testid=message]", "on <it>")
    assert [reply["text"] for reply in slack.replies(CHANNEL, ts)][-1] == "on &lt;it&gt;"
    await browser.type("[data-testid=thread-composer]", Keys.ESCAPE)
    await browser.see_no("[data-testid=thread-pane]")


async def test_a_command_is_answered_to_the_person_only(browser: Browser, app: App) -> None:
    app.answer = lambda delivery: web.json_response({"response_type": "ephemeral", "text": "No incident is open."})
    await browser.type("[data-testid=composer]", "/incident list", Keys.ENTER)
    delivery = await app.next()
    assert (delivery["command"], delivery["text"], delivery["user_id"]) == ("/incident", "list", ANA)
    await browser.see("[data-testid=ephemeral]", "Only visible to you")
    await browser.see("[data-testid=ephemeral]", "No incident is open.")
    await browser.become(BEN)
    await browser.see_no("[data-testid=ephemeral]")
    await browser.become(ANA)
    await browser.click("[data-testid=ephemeral] .dismiss")
    await browser.see_no("[data-testid=ephemeral]")


def form() -> dict[str, Any]:
    where = {
        "type": "plain_text_input",
        "action_id": "value",
        "multiline": True,
        "placeholder": plain("service=checkout"),
    }
    options = [{"text": plain(name), "value": name} for name in ("1h", "2h")]
    span = {"type": "radio_buttons", "action_id": "value", "options": options}
    return {
        "type": "modal",
        "title": plain("Silence alerts"),
        "submit": plain("Silence"),
        "blocks": [
            {"type": "input", "block_id": "span", "label": plain("For how long"), "element": span},
            {"type": "input", "block_id": "which", "label": plain("Which alerts"), "element": where},
        ],
    }


async def test_a_form_is_filled_in_refused_and_sent_again(browser: Browser, bot: AsyncWebClient, app: App) -> None:
    await browser.type("[data-testid=composer]", "/incident silence", Keys.ENTER)
    await bot.views_open(trigger_id=(await app.next())["trigger_id"], view=form())
    await browser.see("[data-testid=modal]", "Silence alerts")
    await browser.click("[data-testid=modal-submit]")
    await browser.see("[data-block-id=which] [data-testid=input-error]", "required")

    app.answer = lambda delivery: web.json_response({"response_action": "errors", "errors": {"which": "No such label"}})
    await browser.click("[data-block-id=span] input[value='2h']")
    await browser.type("[data-block-id=which] textarea", "service=x")
    await browser.click("[data-testid=modal-submit]")
    values = (await app.next())["view"]["state"]["values"]
    assert values["span"]["value"]["selected_option"]["value"] == "2h"
    assert values["which"]["value"] == {"type": "plain_text_input", "value": "service=x"}
    await browser.see("[data-block-id=which] [data-testid=input-error]", "No such label")

    app.answer = lambda delivery: web.Response()
    await browser.type("[data-block-id=which] textarea", "yz")
    await browser.click("[data-testid=modal-submit]")
    assert (await app.next())["view"]["state"]["values"]["which"]["value"]["value"] == "service=xyz"
    await browser.see_no("[data-testid=modal]")


async def test_escape_closes_a_form(browser: Browser, bot: AsyncWebClient, app: App, slack: LocalSlack) -> None:
    await browser.type("[data-testid=composer]", "/incident silence", Keys.ENTER)
    await bot.views_open(trigger_id=(await app.next())["trigger_id"], view=form())
    await browser.type("[data-block-id=which] textarea", Keys.ESCAPE)
    await browser.see_no("[data-testid=modal]")
    assert slack.view(ANA) is None


async def test_a_permalink_leads_to_its_message(browser: Browser, bot: AsyncWebClient) -> None:
    ts = await post(bot, section("the one"))
    for number in range(30):
        await post(bot, section(f"message {number}"))
    link = (await bot.chat_getPermalink(channel=CHANNEL, message_ts=ts))["permalink"]
    await browser.open("about:blank")
    await browser.open(link)
    await browser.see(f"[data-ts='{ts}'].highlighted", "the one")


async def test_a_storm_of_messages_stays_quick(browser: Browser, bot: AsyncWebClient) -> None:
    """Only the newest are drawn; the earlier ones come on request."""
    for start in range(0, 300, 50):
        await asyncio.gather(*(post(bot, section(f"message {n}")) for n in range(start, start + 50)))
    began = time.monotonic()
    await post(bot, section("the last"))
    await browser.see("[data-testid=message]", "the last")
    assert time.monotonic() - began < 3
    assert await browser.run("return document.querySelectorAll('[data-testid=message]').length") == 100
    await browser.run("document.querySelector('[data-testid=messages]').scrollTop = 0")
    await browser.click(".earlier")
    await browser.until(
        lambda d: len(d.find_elements(By.CSS_SELECTOR, "[data-testid=message]")) == 200, "no earlier ones"
    )


async def test_the_page_asks_nobody_but_its_own_server(
    browser: Browser, bot: AsyncWebClient, slack: LocalSlack
) -> None:
    picture = {"type": "image", "image_url": "https://example.com/graph.png", "alt_text": "a graph"}
    await asyncio.to_thread(browser.driver.get_log, "performance")
    ts = await post(bot, picture, section(":fire: :rocket:"))
    await browser.open("about:blank")
    await browser.open(slack.url)
    await browser.see(f"[data-ts='{ts}'] .picture", "a graph")
    log = [
        json.loads(entry["message"])["message"]
        for entry in await asyncio.to_thread(browser.driver.get_log, "performance")
    ]
    asked = [entry["params"]["request"]["url"] for entry in log if entry["method"] == "Network.requestWillBeSent"]
    assert asked
    assert [url for url in asked if not url.startswith((slack.url, "data:", "about:"))] == []


# One pixel, as small as a PNG can be.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)


async def test_a_picture_that_was_uploaded_to_a_thread_is_seen_there(browser: Browser, bot: AsyncWebClient) -> None:
    ts = await post(bot, section("*What fires*"))
    await bot.files_upload_v2(
        filename="chart.png",
        content=PNG,
        title="p95 of checkout",
        alt_txt="last 300 ms",
        channel="C0INCIDENTS",
        thread_ts=ts,
    )
    await browser.click(f"[data-ts='{ts}'] [data-testid=replies]")
    picture = await browser.see(".file-image img")
    assert picture.get_attribute("alt") == "last 300 ms"
    await browser.until(
        lambda d: d.execute_script("return document.querySelector('.file-image img').naturalWidth") == 1, "not loaded"
    )
    assert "p95 of checkout" in (await browser.see(".file-image")).text
