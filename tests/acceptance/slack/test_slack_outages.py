"""Slack fails in every way it knows; what people see in the end is true, and stands there once."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.acceptance.harness import CHANNEL, Tandem, alert, running, until


@pytest.fixture
async def tandem(tmp_path: Path) -> AsyncIterator[Tandem]:
    async with running(tmp_path, {}) as tandem:
        yield tandem


async def _failed_with(tandem: Tandem, kind: str) -> None:
    async def seen() -> bool:
        return any(call["fault"] == kind for call in tandem.slack.calls)

    await until(seen, f"a call to Slack has met {kind}", 30)


@pytest.mark.parametrize("kind", ["429", "500", "timeout", "timeout_before", "slow", "down"])
async def test_one_message_is_posted_whatever_the_first_attempts_meet(tandem: Tandem, kind: str) -> None:
    tandem.slack.fail("chat.postMessage", kind, count=1, retry_after=2)
    await tandem.deliver(alert())
    await _failed_with(tandem, kind)
    await tandem.message("HighLatency on checkout", seconds=40)
    await tandem.deliver(alert("resolved"))
    await tandem.message("resolved after", seconds=40)
    assert len(tandem.slack.messages(CHANNEL)) == 1


async def test_retry_after_is_obeyed(tandem: Tandem) -> None:
    tandem.slack.fail("chat.postMessage", "429", count=1, retry_after=3)
    await tandem.deliver(alert())
    await tandem.message("HighLatency")
    refused, accepted = [call["at"] for call in tandem.slack.calls if call["method"] == "chat.postMessage"][:2]
    assert accepted - refused >= 3


async def test_calls_to_a_channel_keep_a_second_apart(tandem: Tandem) -> None:
    await tandem.deliver(*[alert(service=f"s{i}") for i in range(4)], groupKey="")

    async def all_shown() -> bool:
        return len(tandem.slack.messages(CHANNEL)) == 4

    await until(all_shown, "all incidents are shown")
    at = [call["at"] for call in tandem.slack.calls if call["method"] in ("chat.postMessage", "chat.update")]
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert min(gaps) > 0.9


async def test_a_revoked_token_makes_the_bot_unready_and_a_new_one_loses_nothing(tandem: Tandem) -> None:
    tandem.slack.fail("*", "revoked", count=1000)
    await tandem.deliver(alert())

    async def unready() -> bool:
        status, said = await tandem.get("/readyz")
        return status == 503 and "token_revoked" in said["slack"]

    await until(unready, "readiness says that the token was revoked")
    tandem.slack.clear_faults()
    await tandem.message("HighLatency", seconds=30)

    async def ready() -> bool:  # the message stands a moment before its answer has come back
        return (await tandem.get("/readyz"))[0] == 200

    await until(ready, "the bot is ready again")


async def test_a_message_that_somebody_deleted_is_posted_anew(tandem: Tandem) -> None:
    await tandem.deliver(alert())
    message = await tandem.message("HighLatency")
    await _delete(tandem, message["ts"])
    await tandem.deliver(alert(alertname="QueueFull"))
    fresh = await tandem.message("QueueFull")
    assert fresh["ts"] != message["ts"]


async def _delete(tandem: Tandem, ts: str) -> None:
    client = AsyncWebClient(tandem.slack.bot_token, base_url=tandem.slack.api_url)
    await client.chat_delete(channel="C0INCIDENTS", ts=ts)


async def test_while_slack_is_down_alerts_are_taken_and_shown_as_they_are_when_it_is_back(tandem: Tandem) -> None:
    tandem.slack.fail("*", "down", count=1000)
    await tandem.deliver(alert(), alert(service="gone"), groupKey="")
    await tandem.deliver(alert("resolved", service="gone"), groupKey="")
    await asyncio.sleep(2)
    tandem.slack.clear_faults()
    await tandem.message("HighLatency on checkout", "triggered", seconds=70)
    await tandem.message("HighLatency on gone", "resolved", seconds=10)
    assert len(tandem.slack.messages(CHANNEL)) == 2
