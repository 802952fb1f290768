"""The Slack manifest asks for what the bot uses, and for nothing else."""

from pathlib import Path
from typing import Any

import yaml

from bot.commands.doctor import SCOPES
from handlers.slack.commands import HELP
from handlers.slack.model import HELP as MODEL_HELP

MANIFEST: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[3] / "deploy" / "slack-manifest.yaml").read_text(encoding="utf-8")
)


def test_the_scopes_are_those_that_the_doctor_checks() -> None:
    assert sorted(MANIFEST["oauth_config"]["scopes"]["bot"]) == sorted(SCOPES)


def test_every_word_of_the_usage_hint_is_in_the_help() -> None:
    helps = {"/incident": HELP, "/model": MODEL_HELP}
    commands = MANIFEST["features"]["slash_commands"]
    assert [command["command"] for command in commands] == list(helps)
    for command in commands:
        words = [usage.split()[0] for usage in command["usage_hint"].split(" | ")]
        assert all(f"{command['command']} {word}" in helps[command["command"]] for word in words)


def test_buttons_and_forms_reach_the_bot() -> None:
    settings = MANIFEST["settings"]
    assert settings["interactivity"]["is_enabled"]
    assert settings["socket_mode_enabled"]
