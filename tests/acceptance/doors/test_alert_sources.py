"""The alerts of hosted tools come in at doors of their own, fire, and are resolved by what the tool says later."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.harness import TOKEN, Tandem, running, until
from tests.unit.sources import test_azure as azure
from tests.unit.sources import test_datadog as datadog
from tests.unit.sources import test_googlecloud as googlecloud
from tests.unit.sources import test_newrelic as newrelic
from tests.unit.sources import test_opsgenie as opsgenie
from tests.unit.sources import test_sentry as sentry

SECRET = "the client's secret"


def deliveries(at: datetime, over: bool) -> dict[str, Mapping[str, Any]]:
    """One of each source, with the moment of which it tells."""
    seconds, moment = at.timestamp(), at.isoformat()
    fired = {"monitorCondition": "Fired", "firedDateTime": moment}
    resolved = {"monitorCondition": "Resolved", "firedDateTime": moment, "resolvedDateTime": moment}
    essentials = azure.ESSENTIALS | (resolved if over else fired)
    incident = {**googlecloud.INCIDENT, "state": "closed" if over else "open", "started_at": seconds}
    issue = {**newrelic.ISSUE, "state": "CLOSED" if over else "ACTIVATED", "createdAt": seconds * 1000}
    alert = {**opsgenie.ALERT, "createdAt": int(seconds * 1000), "updatedAt": int(seconds * 1e9)}
    return {
        "azure": {"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": essentials}},
        "datadog": {
            **datadog.ALERT,
            "transition": "Recovered" if over else "Triggered",
            "date": str(int(seconds * 1000)),
        },
        "googlecloud": {"version": "1.2", "incident": {**incident, "ended_at": seconds if over else None}},
        "newrelic": {**issue, "updatedAt": seconds * 1000},
        "opsgenie": {"action": "Close" if over else "Create", "alert": alert},
        "sentry": {
            "action": "resolved" if over else "created",
            "data": {"issue": {**sentry.ISSUE, "firstSeen": moment}},
        },
    }


async def told(tandem: Tandem, source: str, delivery: Mapping[str, Any]) -> tuple[int, Any]:
    body = json.dumps(delivery).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Sentry-Hook-Resource": "issue", "Sentry-Hook-Signature": signature} if source == "sentry" else {}
    return await tandem.post(f"/webhooks/{source}", body, **headers)


async def test_each_tools_alert_fires_and_is_resolved_by_it(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    async with running(tmp_path, {}, environment={"TANDEM_SENTRY_SECRET": SECRET}) as tandem:

        async def all_are(status: str) -> bool:
            alerts = [alert for incident in await tandem.incidents() for alert in incident["alerts"]]
            return sorted((alert["source"], alert["status"]) for alert in alerts) == [(name, status) for name in names]

        first = deliveries(now - timedelta(minutes=2), over=False)
        names = sorted(first)
        for source, delivery in first.items():
            assert await told(tandem, source, delivery) == (202, {"accepted": 1})
            assert await told(tandem, source, delivery) == (202, {"accepted": 1})
        await until(lambda: all_are("firing"), "every source has one alert, which fires")
        for source, delivery in deliveries(now - timedelta(minutes=1), over=True).items():
            assert await told(tandem, source, delivery) == (202, {"accepted": 1})
        await until(lambda: all_are("resolved"), "every alert is resolved")


async def test_who_is_not_authentic_and_what_is_malformed_is_refused(tmp_path: Path) -> None:
    sound = deliveries(datetime.now(UTC), over=False)
    async with (
        running(tmp_path, {}, environment={"TANDEM_SENTRY_SECRET": SECRET}) as tandem,
        aiohttp.ClientSession(tandem.url) as session,
    ):

        async def answered(path: str, delivery: Any) -> int:
            async with session.post(path, json=delivery) as answer:
                return answer.status

        for source, delivery in sound.items():
            assert await answered(f"/webhooks/{source}", delivery) == 401
            in_address = await answered(f"/webhooks/{source}?token={TOKEN}", delivery)
            assert in_address == (202 if source in ("azure", "googlecloud") else 401)
            assert (await told(tandem, source, {"incident": 5, "data": 5}))[0] == 400
        assert await answered("/webhooks/cloudwatch", {}) == 401
        status, problem = await tandem.post("/webhooks/cloudwatch", {"Type": "Notification"})
        assert (status, "MessageId" in problem["detail"]) == (400, True)
