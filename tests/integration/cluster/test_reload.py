"""Another configuration that is valid and with which the process cannot start: all goes on as it was."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.app import App
from bot.commands.parts.checks.reload import check_reload
from bot.config import Config, Environment
from bot.errors import ConfigError
from bot.health.running import all_running, running
from bot.localslack import LocalSlack
from tests.acceptance.harness import CHANNEL, TOKEN, alert, delivery, until
from tests.unit.strategies import NOON


@asynccontextmanager
async def _app(database_url: str, slack: LocalSlack) -> AsyncIterator[App]:
    settings = {
        "TANDEM_DATABASE_URL": database_url,
        "TANDEM_SEAL_KEY": TOKEN,
        "TANDEM_WEBHOOK_TOKEN": TOKEN,
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
    }
    async with App(Environment.model_validate(settings), Config(), port=0) as app:
        yield app


async def _deliver(app: App, service: str) -> int:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{app.url}/webhooks/alertmanager", json=delivery(alert(service=service))) as answer,
    ):
        return answer.status


async def _is_shown(slack: LocalSlack, text: str) -> None:
    async def shown() -> bool:
        return any(text in message["text"] for message in slack.messages(CHANNEL))

    await until(shown, f"the channel shows {text}")


async def test_a_configuration_with_which_nothing_starts_is_refused_and_the_old_one_works_on(
    database_url: str,
) -> None:
    async with LocalSlack() as slack, _app(database_url, slack) as app:
        before = app.config
        with pytest.raises(ConfigError, match="cannot start with it: channel pigeon"):
            await app.reload(Config.model_validate({"slack": {"channel": "pigeon:incidents"}}))
        assert app.config is before
        assert await _deliver(app, "checkout") == 202
        await _is_shown(slack, "checkout is slow")


async def test_another_configuration_holds_for_what_comes_after_it(database_url: str) -> None:
    async with LocalSlack(channels=("incidents", "shop")) as slack, _app(database_url, slack) as app:
        assert await _deliver(app, "checkout") == 202
        await _is_shown(slack, "#1 checkout is slow")
        for number in (2, 3):
            await app.reload(Config.model_validate({"services": {"cart": {"depends_on": [f"db-{number}"]}}}))
            assert await _deliver(app, f"service-{number}") == 202
            await _is_shown(slack, f"#{number} service-{number} is slow")
        assert app.config.depends_on == {"cart": ["db-3"]}
        assert len(slack.messages(CHANNEL)) == 3


def test_what_runs_here_and_why_it_refused_a_reload_can_be_read_and_what_a_dead_one_left_is_cleared_away(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/tandem.db"
    with running(url, tmp_path / "tandem.yaml", NOON) as note:
        [seen] = all_running(url)
        assert (seen.reloads, seen.refused, seen.config) == (0, "", f"{tmp_path}/tandem.yaml")
        assert [finding.failed for finding in check_reload(url)] == [False]
        note.reloaded(NOON, refused="tandem.yaml:3: slakc: is no known key")
        [seen] = all_running(url)
        assert (seen.reloads, seen.refused) == (1, "tandem.yaml:3: slakc: is no known key")
        [finding] = check_reload(url)
        assert "slakc" in finding.text and "WARN" in repr(finding.mark)
    assert all_running(url) == []
    assert check_reload(url) == []
