"""Drills as people meet them: the command, typed, calls nobody; one by schedule that fails calls its owner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.config import Environment, load_config
from bot.localslack import LocalSlack
from tests.acceptance.harness import ON_CALL, TOKEN, until

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SHOP = "shop"
CONFIG = """
slack: {{channel: "#incidents"}}
teams: {{shop: {{services: [checkout], members: [U012AB3CD]}}}}
routes:
  - {{match: ['service="checkout"'], channel: "#shop", mention: [U012AB3CD], escalation: shop}}
  - {{match: ['team="shop"'], channel: "#shop", mention: [U012AB3CD], escalation: shop}}
escalations: {{shop: {{steps: [{{after: 0m, mention: [U012AB3CD]}}]}}}}
runbooks:
  restart:
    title: Restart checkout
    when: {{service: checkout}}
    steps: [{{command: {{argv: [touch, "{folder}/done"], preview: [{preview}]}}}}]
    approval: {{approvers: [U012AB3CD]}}
    {drill}
"""


@asynccontextmanager
async def running(database_url: str, slack: LocalSlack, folder: Path, **given: str) -> AsyncIterator[App]:
    path = folder / "tandem.yaml"
    path.write_text(CONFIG.format(folder=folder, **{"preview": "echo, it restarts", "drill": "", **given}))
    config, _ = load_config(path)
    settings = {
        "TANDEM_DATABASE_URL": database_url,
        "TANDEM_SEAL_KEY": TOKEN,
        "TANDEM_WEBHOOK_TOKEN": TOKEN,
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
    }
    async with App(Environment.model_validate(settings), config, port=0) as app:
        slack.request_url = f"{app.url}/slack/events"
        yield app


async def shown(slack: LocalSlack, *parts: str) -> dict[str, Any]:
    """The first message of the team's channel with all parts, once it is there."""

    def found() -> list[dict[str, Any]]:
        return [one for one in slack.messages(SHOP) if all(part in str(one) for part in parts)]

    async def holds() -> bool:
        return bool(found())

    await until(holds, f"#{SHOP} shows {parts}", 60)
    return found()[0]


async def answered(slack: LocalSlack, *parts: str) -> None:
    async def holds() -> bool:
        return all(part in str(slack.ephemerals(ON_CALL)) for part in parts)

    await until(holds, f"the answer is {parts}", 60)


def calls(slack: LocalSlack) -> list[str]:
    """What calls somebody, in the channel or in a thread; others are only named, as who may approve."""
    posts = [str(one) for top in slack.messages(SHOP) for one in (top, *slack.replies(SHOP, top["ts"]))]
    return [one for one in posts if f"📣 <@{ON_CALL}>" in one]


async def test_a_drill_that_somebody_types_goes_its_whole_way_in_the_teams_channel_and_calls_nobody(
    database_url: str, tmp_path: Path
) -> None:
    async with (
        LocalSlack(channels=("incidents", SHOP)) as slack,
        running(database_url, slack, tmp_path),
    ):
        await slack.command(ON_CALL, SHOP, "/incident", "drill restart")
        message = await shown(slack, "Drill: Restart checkout", "This is a drill", "it restarts", "run.approve")
        await answered(slack, "is incident #1", "nothing will be changed")
        assert slack.messages("incidents") == []
        await slack.click(ON_CALL, SHOP, message["ts"], "run.approve")
        await shown(slack, "Drill: Restart checkout", "nothing was changed")
        assert calls(slack) == [] and not (tmp_path / "done").exists()
        await slack.command(ON_CALL, SHOP, "/incident", "drill restrat")
        await answered(slack, "did you mean")


async def test_a_drill_by_schedule_that_fails_calls_the_owner_before_the_night_in_which_it_is_needed(
    database_url: str, tmp_path: Path
) -> None:
    async with (
        LocalSlack(channels=("incidents", SHOP)) as slack,
        running(database_url, slack, tmp_path, preview="'false'", drill="drill: {every: 1d}"),
    ):
        await shown(slack, "RunbookDrillFailed", "so it may fail when it is needed: preview of step 1")

        async def called() -> bool:
            return bool(calls(slack))

        await until(called, "the owner is called", 60)
        assert slack.messages("incidents") == []
        assert "run.approve" not in str(slack.messages(SHOP)) and not (tmp_path / "done").exists()
