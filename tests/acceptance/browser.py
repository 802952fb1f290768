"""A headless Chromium, and what a person sees and does in it."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
WAIT_SECONDS = 30
_FIND = """
return [...document.querySelectorAll(arguments[0])]
  .find((one) => one.checkVisibility() && one.innerText.includes(arguments[1])) ?? null
"""
_MOVING = [StaleElementReferenceException, ElementClickInterceptedException]

needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="the page is looked at with chromium and chromedriver, which are not installed here",
)


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser that keeps its data in ``profile``, and a log of what it complains of and asks for."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
        "--window-size=1360,1000",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


class Browser:
    """What a person sees and does; every look waits until there is something to see."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    async def open(self, url: str) -> None:
        await asyncio.to_thread(self.driver.get, url)

    async def see(self, css: str, text: str = "") -> WebElement:
        """The first visible element that holds the text."""
        seen: WebElement = await self.until(lambda driver: _find(driver, css, text), f"nothing to see of {css} {text}")
        return seen

    async def see_no(self, css: str) -> None:
        await self.until(lambda driver: not driver.find_elements(By.CSS_SELECTOR, css), f"{css} is still there")

    async def until(self, condition: Callable[[webdriver.Chrome], Any], otherwise: str) -> Any:
        wait = WebDriverWait(self.driver, WAIT_SECONDS, 0.05, _MOVING)
        try:
            return await asyncio.to_thread(wait.until, condition)
        except TimeoutException as error:
            shown = await self.run("return document.body.innerText")
            raise AssertionError(f"{otherwise}; the page shows:\n{shown}") from error

    async def click(self, css: str) -> None:
        def click(driver: webdriver.Chrome) -> bool:
            found = _find(driver, css)
            if found:
                found.click()
            return found is not None

        await self.until(click, f"nothing to click of {css}")

    async def type(self, css: str, *keys: str) -> None:
        element = await self.see(css)
        await asyncio.to_thread(element.send_keys, *keys)

    async def run(self, script: str, *arguments: Any) -> Any:
        return await asyncio.to_thread(self.driver.execute_script, script, *arguments)

    async def become(self, user: str) -> None:
        await self.run("document.querySelector(`[data-testid=user-switch] input[value=${arguments[0]}]`).click()", user)

    async def complaints(self) -> list[str]:
        """Errors on the browser's console since the last call."""
        log = await asyncio.to_thread(self.driver.get_log, "browser")
        return [line["message"] for line in log if line["level"] == "SEVERE"]


def _find(driver: webdriver.Chrome, css: str, text: str = "") -> WebElement | None:
    found = driver.execute_script(_FIND, css, text)
    assert found is None or isinstance(found, WebElement)
    return found
