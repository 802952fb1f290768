"""The Slack manifest asks for what the bot uses, and for nothing else."""

from pathlib import Path
from typing import Any

import yaml

from bot.commands.parts.doctor import SCOPES
from bot.localslack.events import EVENT_SCOPES, SHORTCUTS
from handlers.pages.slack_sign_in import PATH
from handlers.slack.registry import commands_of, events, shortcuts, slashes

LINES = (Path(__file__).parents[3] / "deploy" / "slack-manifest.yaml").read_text(encoding="utf-8").splitlines()
MANIFEST: dict[str, Any] = yaml.safe_load("\n".join(LINES))
_OF_ASSISTANT_VIEW = {"assistant_thread_started", "assistant_thread_context_changed"}
"""Slack sends these to apps with `assistant_view` alone, which a new app cannot have."""


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
    assert [(one["callback_id"], one["name"], one["type"]) for one in declared] == list(SHORTCUTS), "the local Slack's"
    assert len(declared) <= 10
    assert all(len(one["name"]) <= 24 and len(one["description"]) <= 150 for one in declared)


def test_it_subscribes_to_the_events_that_something_follows_from_and_to_no_others() -> None:
    subscribed = MANIFEST["settings"]["event_subscriptions"]["bot_events"]
    assert sorted(subscribed) == sorted([*events().keys() - _OF_ASSISTANT_VIEW, "app_mention", "message.im"])
    needed = {EVENT_SCOPES[event] for event in subscribed} - {""}
    assert needed <= set(MANIFEST["oauth_config"]["scopes"]["bot"])


def test_an_app_with_the_older_view_of_conversations_takes_what_stands_there_as_a_comment() -> None:
    marks = ("# assistant_view:", "#   assistant_description:", "# - assistant_thread_")
    older = [line.replace("# ", "", 1) if line.strip().startswith(marks) else line for line in LINES]
    manifest = yaml.safe_load("\n".join(older))
    assert set(manifest["features"]) - set(MANIFEST["features"]) == {"assistant_view"}
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) >= _OF_ASSISTANT_VIEW
    assert 0 < len(manifest["features"]["assistant_view"]["assistant_description"]) <= 300


def test_signing_in_with_slack_needs_an_address_and_one_scope() -> None:
    marks = ("# redirect_urls:", "#   - https://tandem", "# user:", "#   - openid")
    filled = [line.replace("# ", "", 1) if line.strip().startswith(marks) else line for line in LINES]
    found = yaml.safe_load("\n".join(filled))["oauth_config"]
    assert found["redirect_urls"] == [f"https://tandem.example.com{PATH}/back"]
    assert found["scopes"]["user"] == ["openid"] and "user" not in MANIFEST["oauth_config"]["scopes"]


def test_cards_under_links_need_no_more_than_a_host() -> None:
    """It is the user's own, so there is none in it; what stands there as a comment is taken by Slack as it is."""
    assert "unfurl_domains" not in MANIFEST["features"]
    [start] = [at for at, line in enumerate(LINES) if line.startswith("  # unfurl_domains:")]
    filled = [line.replace("# ", "", 1) if at in (start, start + 1) else line for at, line in enumerate(LINES)]
    assert yaml.safe_load("\n".join(filled))["features"]["unfurl_domains"] == ["tandem.example.com"]


def test_buttons_and_forms_reach_the_bot() -> None:
    settings = MANIFEST["settings"]
    assert settings["interactivity"]["is_enabled"]
    assert settings["socket_mode_enabled"]
