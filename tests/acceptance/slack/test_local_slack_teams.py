"""The local Slack's page with several channels: mentions where somebody does not look, and direct messages."""

from collections.abc import AsyncIterator

import pytest
from selenium.webdriver.common.by import By
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack
from bot.localslack.state import USERGROUP
from tests.acceptance.browser import Browser, needs_browser

ANA, BEN = "U012AB3CD", "U0BYSTAND"
LAST_CHANNEL = "[...document.querySelectorAll('[data-testid=channel]')].at(-1).click()"

pytestmark = needs_browser


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack(channels=("platform", "forecasting")) as slack:
        yield slack


@pytest.fixture
def bot(slack: LocalSlack) -> AsyncWebClient:
    return AsyncWebClient(slack.bot_token, base_url=slack.api_url)


async def test_mentions_in_a_channel_that_is_not_looked_at_are_counted_until_it_is(
    browser: Browser, bot: AsyncWebClient
) -> None:
    """In messages, and in replies that the channel shows, too; by name, or by a user group."""
    await browser.see("[data-testid=channel][aria-current]", "platform")
    ts = str((await bot.chat_postMessage(channel="forecasting", text="an incident"))["ts"])
    await bot.chat_postMessage(channel="forecasting", text=f"<@{ANA}> look", thread_ts=ts, reply_broadcast=True)
    await bot.chat_postMessage(channel="forecasting", text=f"<@{ANA}> in the thread alone", thread_ts=ts)
    await bot.chat_postMessage(channel="forecasting", text=f"<!subteam^{USERGROUP}> all of you")
    await browser.see("[data-testid=channel] [data-testid=mentions]", "2")
    await browser.become(BEN)
    await browser.see_no("[data-testid=mentions]")
    await browser.become(ANA)
    await browser.run(LAST_CHANNEL)
    await browser.see(".main [data-testid=message]", "replied to a thread")
    await browser.see_no("[data-testid=mentions]")
    await browser.click("[data-testid=whole-thread]")
    await browser.see("[data-testid=thread-pane] [data-testid=message]", "an incident")


async def test_a_direct_message_is_seen_by_one_person_alone(browser: Browser, bot: AsyncWebClient) -> None:
    place = (await bot.conversations_open(users=BEN))["channel"]["id"]
    await bot.chat_postMessage(channel=place, text="you are on call")
    await browser.become(BEN)
    await browser.see("[data-testid=channel] [data-testid=mentions]", "1")
    await browser.run(LAST_CHANNEL)
    await browser.see(".main [data-testid=message]", "you are on call")
    await browser.become(ANA)
    await browser.until(lambda d: "you are on call" not in d.find_element(By.ID, "root").text, "ana sees it, too")
    await browser.see("[data-testid=channel][aria-current]", "platform")
