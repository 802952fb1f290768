"""Another configuration that is valid and with which the process cannot start: all goes on as it was."""

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


async def test_a_configuration_with_which_nothing_starts_is_refused_and_the_old_one_works_on(tmp_path: Path) -> None:
    async with LocalSlack() as slack:
        settings = {
            "TANDEM_DATABASE_URL": f"sqlite:///{tmp_path}/tandem.db",
            "TANDEM_WEBHOOK_TOKEN": TOKEN,
            "SLACK_API_URL": slack.api_url,
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
        }
        config = Config()
        async with App(Environment.model_validate(settings), config, port=0) as app:
            with pytest.raises(ConfigError, match="cannot start with it: channel pigeon"):
                await app.reload(Config.model_validate({"slack": {"channel": "pigeon:incidents"}}))
            assert app.config is config
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with (
                aiohttp.ClientSession(headers=headers) as session,
                session.post(f"{app.url}/webhooks/alertmanager", json=delivery(alert())) as answer,
            ):
                assert answer.status == 202

            async def shown() -> bool:
                return any("checkout is slow" in message["text"] for message in slack.messages(CHANNEL))

            await until(shown, "the notifier works on")


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
