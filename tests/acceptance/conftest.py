"""One browser for all tests that look at the local Slack's page."""

from collections.abc import AsyncIterator, Iterator

import pytest
from selenium import webdriver

from bot.localslack import LocalSlack
from tests.acceptance.browser import Browser, chromium


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
async def browser(driver: webdriver.Chrome, slack: LocalSlack) -> AsyncIterator[Browser]:
    """The page of the module's own fixture ``slack``; the test fails if the page complains on the console."""
    browser = Browser(driver)
    await browser.open(slack.url)
    await browser.see("[data-testid=composer]")
    yield browser
    await browser.open("about:blank")
    assert await browser.complaints() == []
