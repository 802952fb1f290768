"""The pages in a real browser: axe finds nothing serious, no script is needed, and they fit a telephone."""

import asyncio
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

from bot.domain.event import AlertEvent
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.acceptance.browser import Browser, chromium, needs_browser
from tests.conftest import Clock
from tests.integration.pages.browsers import browser
from tests.integration.pages.story import shop
from tests.integration.watches.models_driver import MODEL

MakeAlert = Callable[..., AlertEvent]
pytestmark = [needs_browser, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
AXE = files("selenium_axe_python").joinpath("axe-core/axe.min.js").read_text(encoding="utf-8")
SERIOUS = ("serious", "critical")
TELEPHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
DESK = {"width": 1360, "height": 1000, "deviceScaleFactor": 1, "mobile": False}


async def test_axe_finds_nothing_serious_on_any_page_and_an_incident_is_acknowledged_with_a_click(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert, tmp_path: Path
) -> None:
    story = await shop(database, inbox, clock, alert, tmp_path)
    report = f"incidents/{story.number}/report"
    async with browser(story.pipeline, roster=story.roster) as served:
        root = str(served.client.make_url("/"))
        with chromium(tmp_path / "profile") as driver:
            seen = Browser(driver)
            await seen.open(f"{root}{report}")
            assert await _found_by_axe(seen) == []
            await seen.type("#token", "desk-secret")
            await seen.click("main button")
            await seen.see("button", "Acknowledge")
            for path in ("", report, "incidents/99/report", f"models/{MODEL}/report"):
                for colours in ("light", "dark"):
                    for size in (DESK, TELEPHONE):
                        await _look(driver, size, colours)
                        await seen.open(f"{root}{path}")
                        found = await _found_by_axe(seen)
                        assert found == [], f"/{path} {colours} {size['width']}: {found}"
                        wide = await seen.run("return document.documentElement.scrollWidth")
                        assert wide <= size["width"], f"/{path} is {wide} wide on {size['width']}"
            await _look(driver, TELEPHONE, "light")
            await seen.open(root)
            await seen.see("th", "checkout")
            assert not await seen.run("return document.querySelector('.graph').checkVisibility()"), "the list is there"
            await _look(driver, DESK, "light")
            assert await seen.run("return document.querySelector('.graph').checkVisibility()")
            await seen.open(f"{root}{report}")
            await seen.type("#text", "rolled the pod")
            await seen.click("textarea ~ p button")
            await seen.see("td", "rolled the pod")
            await seen.click("form[action$=acknowledge] button")
            await seen.see("dd", "acknowledged by desk")
            refused = [one for one in await seen.complaints() if "favicon" not in one and "404" not in one]
            assert not [one for one in refused if "Content Security Policy" in one], refused


async def _look(driver: webdriver.Chrome, size: dict[str, Any], colours: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": colours}]}
    await asyncio.to_thread(driver.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", size)
    await asyncio.to_thread(driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", media)


async def _found_by_axe(seen: Browser) -> list[str]:
    """What axe calls serious or worse, and where."""
    await seen.run(AXE)
    found = await asyncio.to_thread(
        seen.driver.execute_async_script, "axe.run().then((found) => arguments[0](found.violations))"
    )
    assert isinstance(found, list)
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in SERIOUS]
