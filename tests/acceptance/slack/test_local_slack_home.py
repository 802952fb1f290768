"""What a person sees and does on the local Slack's page besides messages: the app's page, and reactions."""

from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack
from tests.acceptance.browser import Browser, needs_browser

ANA, CHANNEL = "U012AB3CD", "incidents"
REACT = "document.querySelector(`[data-ts='${arguments[0]}'] [data-testid=react-memo]`).click()"

pytestmark = needs_browser


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack(channels=(CHANNEL,)) as slack:
        yield slack


async def test_the_apps_page_is_opened_and_shown_and_a_reply_gets_a_reaction(
    browser: Browser, slack: LocalSlack
) -> None:
    bot = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    ts = str((await bot.chat_postMessage(channel=CHANNEL, text="an incident"))["ts"])
    reply = await slack.post(ANA, CHANNEL, "it was the disk", ts)
    await browser.click("[data-testid=home]")
    await browser.see("[data-testid=home-view]", "Nothing is here yet")
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "Yours · 3"}}
    await bot.views_publish(user_id=ANA, view={"type": "home", "blocks": [section]})
    await browser.see("[data-testid=home-view]", "Yours · 3")
    await browser.click("[data-testid=channel]")
    await browser.click("[data-testid=replies]")
    await browser.see("[data-testid=thread-pane]", "it was the disk")
    await browser.run(REACT, reply)
    await browser.see("[data-testid=thread-pane] .reactions", "1")
    [message] = [one for one in slack.replies(CHANNEL, ts) if one["ts"] == reply]
    assert message["reactions"] == [{"name": "memo", "users": [ANA], "count": 1}]
