"""The Slack manifest asks for what the bot uses, and for nothing else."""

from pathlib import Path
from typing import Any

import yaml

from bot.commands.parts.doctor import SCOPES
from bot.localslack.events import EVENT_SCOPES
from handlers.slack.registry import commands_of, events, shortcuts, slashes

MANIFEST: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[3] / "deploy" / "slack-manifest.yaml").read_text(encoding="utf-8")
)


def test_the_scopes_are_those_that_the_doctor_checks() -> None:
    assert sorted(MANIFEST["oauth_config"]["scopes"]["bot"]) == sorted(SCOPES)


def test_it_declares_every_slash_command_that_is_registered_and_hints_only_at_words_that_are() -> None:
    declared = MANIFEST["features"]["slash_commands"]
    assert [command["command"] for command in declared] == slashes()
    for command in declared:
        words = {usage.split()[0] for usage in command["usage_hint"].split(" | ")}
        assert words <= {*commands_of(command["command"]), "help"}


def test_it_declares_every_shortcut_that_is_registered() -> None:
    declared = MANIFEST["features"]["shortcuts"]
    assert sorted(one["callback_id"] for one in declared) == sorted(shortcuts())
    assert len(declared) <= 10
    assert all(len(one["name"]) <= 24 and len(one["description"]) <= 150 for one in declared)


def test_it_subscribes_to_the_events_that_something_follows_from_and_to_no_others() -> None:
    subscribed = MANIFEST["settings"]["event_subscriptions"]["bot_events"]
    assert sorted(subscribed) == sorted([*events(), "app_mention", "message.im"])
    needed = {EVENT_SCOPES[event] for event in subscribed} - {""}
    assert needed <= set(MANIFEST["oauth_config"]["scopes"]["bot"])


def test_buttons_and_forms_reach_the_bot() -> None:
    settings = MANIFEST["settings"]
    assert settings["interactivity"]["is_enabled"]
    assert settings["socket_mode_enabled"]
