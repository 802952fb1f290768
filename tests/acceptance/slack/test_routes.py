"""The real program with two teams: each incident in its team's channel, buttons that work there, mentions once."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.localslack import LocalSlack
from tests.acceptance.harness import ON_CALL, Tandem, alert, until

GROUP = "S0SHOPGRP"
CONFIG: dict[str, Any] = {
    "teams": {
        "shop": {"services": ["checkout", "cart-*"], "members": [ON_CALL]},
        "pay": {"services": ["payments"], "members": [GROUP]},
    },
    "routes": [
        {"match": ["severity=critical", "env=prod"], "channel": "#war-room", "continue": True},
        {"match": ["team=shop"], "channel": "#shop", "mention": [GROUP]},
        {"match": ["team=pay"], "channel": "#pay"},
        {"match": ["team=lost"], "channel": "#no-such-channel"},
    ],
    "permissions": {"acknowledge": ["team"]},
}


@pytest.fixture
async def tandem(tmp_path: Path) -> AsyncIterator[Tandem]:
    async with LocalSlack(channels=("incidents", "shop", "pay", "war-room")) as slack:
        tandem = Tandem(tmp_path, slack, CONFIG)
        try:
            await tandem.start()
            yield tandem
        finally:
            await tandem.kill()


async def test_each_team_sees_its_incidents_in_its_channel_and_acts_there(tandem: Tandem) -> None:
    assert await tandem.deliver(alert(service="hermit", team="lost")) == 202
    assert await tandem.deliver(alert(env="prod"), alert(service="payments", alertname="Slow")) == 202
    shop, war = await _shown(tandem, "shop", "checkout"), await _shown(tandem, "war-room", "checkout")
    await _shown(tandem, "pay", "payments")
    assert _mentions(tandem, "shop") == 1
    assert tandem.slack.messages("incidents") == []

    await tandem.slack.click(ON_CALL, "shop", shop["ts"], "incident.ack")
    for channel in ("shop", "war-room"):
        await _shown(tandem, channel, "acknowledged by", f"<@{ON_CALL}>")
    [pay] = tandem.slack.messages("pay")
    await tandem.slack.click(ON_CALL, "pay", pay["ts"], "incident.ack")
    incidents = {one["services"][0]: one for one in await tandem.incidents()}
    assert (incidents["checkout"]["team"], incidents["checkout"]["channels"]) == ("shop", ["#war-room", "#shop"])
    assert (incidents["payments"]["status"], incidents["payments"]["team"]) == ("triggered", "pay"), "not their team"

    await tandem.kill()
    await tandem.start()
    assert await tandem.deliver(alert("resolved", env="prod")) == 202
    for channel in ("shop", "war-room"):
        await _shown(tandem, channel, "resolved")
    assert _mentions(tandem, "shop") == 1
    assert len(tandem.slack.messages("shop")) == len(tandem.slack.messages("war-room")) == 1
    assert war["ts"] == tandem.slack.messages("war-room")[0]["ts"]


async def test_two_hundred_incidents_in_one_channel_do_not_delay_one_in_another(tandem: Tandem) -> None:
    flood = [alert(service=f"cart-{n}", alertname=f"Odd{n}", cluster=f"c{n}", severity="warning") for n in range(200)]
    for start in range(0, 200, 20):
        assert await tandem.deliver(*flood[start : start + 20]) == 202
    await _shown(tandem, "shop", "cart-")
    began = time.monotonic()
    assert await tandem.deliver(alert(service="payments", alertname="Slow")) == 202
    await _shown(tandem, "pay", "payments")
    assert time.monotonic() - began < 15, "a busy machine; each channel has a pace of its own"


async def _shown(tandem: Tandem, channel: str, *parts: str) -> dict[str, Any]:
    async def shown() -> bool:
        return any(_holds(message, parts) for message in tandem.slack.messages(channel))

    await until(shown, f"#{channel} shows {parts}", 40)
    return next(message for message in tandem.slack.messages(channel) if _holds(message, parts))


def _holds(message: dict[str, Any], parts: tuple[str, ...]) -> bool:
    text = json.dumps(message, ensure_ascii=False)
    return all(part in text for part in parts)


def _mentions(tandem: Tandem, channel: str) -> int:
    messages = tandem.slack.messages(channel)
    whole = [one for message in messages for one in (message, *tandem.slack.replies(channel, message["ts"]))]
    return sum(f"<!subteam^{GROUP}>" in json.dumps(one) for one in whole)
