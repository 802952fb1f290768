"""The local Slack's page offers the app's shortcuts, searches in long lists, and shows cards under links."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from selenium.webdriver.common.action_chains import ActionChains
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack
from tests.acceptance.browser import Browser, needs_browser

CHANNEL, LINK = "incidents", "http://127.0.0.1/incidents/4f2a/report"

pytestmark = needs_browser


class App:
    """Opens a form for each shortcut, finds what is typed, and shows a card under each link."""

    def __init__(self) -> None:
        self.used: list[tuple[str, str]] = []
        self.chosen = ""
        self.bot = AsyncWebClient()

    async def take(self, request: web.Request) -> web.Response:
        form = await request.post()
        given = json.loads(str(form["payload"])) if "payload" in form else await request.json()
        return await getattr(self, given["type"])(given)  # type: ignore[no-any-return]

    async def shortcut(self, given: dict[str, Any]) -> web.Response:
        self.used.append((given["callback_id"], (given.get("message") or {}).get("text", "")))
        element = {"type": "external_select", "action_id": "find", "min_query_length": 0}
        field = {"type": "input", "block_id": "one", "label": plain("Incident"), "element": element}
        view = {
            "type": "modal",
            "callback_id": "x",
            "title": plain("Choose"),
            "submit": plain("Add"),
            "blocks": [field],
        }
        await self.bot.views_open(trigger_id=given["trigger_id"], view=view)
        return web.Response()

    message_action = shortcut

    async def block_suggestion(self, given: dict[str, Any]) -> web.Response:
        known = [f"#{number} incident" for number in range(1, 13) if given["value"] in str(number)]
        return web.json_response({"options": [{"text": plain(one), "value": one} for one in known]})

    async def view_submission(self, given: dict[str, Any]) -> web.Response:
        self.chosen = given["view"]["state"]["values"]["one"]["find"]["selected_option"]["value"]
        return web.Response()

    async def event_callback(self, given: dict[str, Any]) -> web.Response:
        event = given["event"]
        text = {"type": "mrkdwn", "text": "*#1 checkout is slow* &lt;b&gt;"}
        unfurls = {link["url"]: {"blocks": [{"type": "section", "text": text}]} for link in event["links"]}
        await self.bot.chat_unfurl(channel=event["channel"], ts=event["message_ts"], unfurls=unfurls)
        return web.Response()


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


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
    async with LocalSlack(request_url=url, channels=(CHANNEL,)) as slack:
        app.bot = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        yield slack
    await runner.cleanup()


async def test_a_person_uses_shortcuts_and_searches_and_sees_the_card_under_a_link(browser: Browser, app: App) -> None:
    await browser.type("[data-testid=composer]", f"see {LINK}")
    await browser.click(".send")
    assert (await browser.see("[data-testid=unfurl]", "checkout is slow")).text == "#1 checkout is slow <b>"
    await browser.click("[data-testid=shortcuts] summary")
    await browser.click("[data-testid=shortcuts] [data-callback-id='incident.open']")
    await browser.see("[data-testid=modal]", "#12 incident")
    await browser.type("[data-testid=searched] input", "7")
    await browser.until(
        lambda d: d.execute_script("return document.querySelectorAll('.searched option').length") == 1, "not searched"
    )
    await browser.click("[data-testid=searched] option")
    await browser.click("[data-testid=modal-submit]")
    await browser.see_no("[data-testid=modal]")
    assert app.chosen == "#7 incident"
    message = await browser.see("[data-testid=message]")
    await asyncio.to_thread(ActionChains(browser.driver).move_to_element(message).perform)
    await browser.click("[data-testid=message-shortcuts] summary")
    assert (await browser.see("[data-testid=message-shortcuts] li:nth-child(2)")).text == "Add to the timeline"
    await browser.click("[data-testid=message-shortcuts] [data-callback-id='incident.note_of_message']")
    await browser.see("[data-testid=modal]")
    assert app.used == [("incident.open", ""), ("incident.note_of_message", f"see {LINK}")]
