"""A click on "Acknowledge" in Slack is told to PagerDuty, and an acknowledgement there is shown in Slack."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, running, until
from tests.integration.integrations.tool_servers import PagerDutyServer

SECRET = "pagerduty-secret-of-the-test"


@pytest.fixture
async def pagerduty() -> AsyncIterator[PagerDutyServer]:
    server = PagerDutyServer()
    async with server.listening():
        yield server


@pytest.fixture
async def tandem(tmp_path: Path, pagerduty: PagerDutyServer) -> AsyncIterator[Tandem]:
    environment = {
        "TANDEM_PAGERDUTY_SECRET": SECRET,
        "TANDEM_PAGERDUTY_TOKEN": pagerduty.token,
        "TANDEM_PAGERDUTY_FROM": pagerduty.sender,
        "TANDEM_PAGERDUTY_URL": pagerduty.url,
    }
    async with running(tmp_path, {}, environment=environment) as tandem:
        yield tandem


async def _happens(tandem: Tandem, incident: str, status: str, **fields: Any) -> None:
    data: dict[str, Any] = {"id": incident, "type": "incident", "status": status, "title": f"Bump {incident}"}
    data |= {"urgency": "high"}
    data["service"] = {"id": "P", "type": "service_reference", "summary": f"service-{incident}"}
    body = msgspec.json.encode({"event": {"event_type": f"incident.{status}", "data": data, **fields}})
    signature = "v1=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert (await tandem.post("/webhooks/pagerduty", body, **{"X-PagerDuty-Signature": signature}))[0] == 202


async def test_acknowledgements_go_both_ways_and_come_back_to_nobody(
    tandem: Tandem, pagerduty: PagerDutyServer
) -> None:
    await _happens(tandem, "PONE", "triggered")
    await tandem.message("Bump PONE")
    await tandem.slack.command(ON_CALL, CHANNEL, "/incident", "ack 1")

    async def told() -> bool:
        return pagerduty.statuses == {"PONE": "acknowledged"}

    await until(told, "PagerDuty is told")
    await _happens(tandem, "PONE", "acknowledged", agent={"id": "P", "summary": "Bot"})
    await _happens(tandem, "PTWO", "triggered")
    await _happens(tandem, "PTWO", "acknowledged", agent={"id": "P", "summary": "Ada <!channel>"})
    await tandem.message("Bump PTWO", "acknowledged by PagerDuty: Ada &lt;!channel")
    await tandem.slack.command(ON_CALL, CHANNEL, "/incident", "resolve 1 anyway")

    async def resolved() -> bool:
        return pagerduty.statuses == {"PONE": "resolved"}

    await until(resolved, "PagerDuty is told of the resolution, and of nothing else")
    assert pagerduty.calls == [("PUT", "/incidents/PONE")] * 2
    assert pagerduty.token not in tandem.log.read_text()
