"""The first night on call, by the real program: page, no answer, kill -9, the next, PagerDuty, acknowledge, fix."""

from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.acceptance.harness import BYSTANDER, CHANNEL, ON_CALL, SECOND, Tandem, alert, running, until


def _config(pagerduty: str) -> dict[str, Any]:
    steps = [
        {"after": "0s", "mention": [{"schedule": "shop"}]},
        {"after": "8s", "mention": [BYSTANDER], "direct_message": [BYSTANDER]},
        {"after": "12s", "pagerduty": {"secret": "PD_ROUTING_KEY", "url": pagerduty}},
    ]
    return {
        "routes": [{"match": ['severity="critical"'], "channel": "#incidents", "escalation": "shop"}],
        "schedules": {"shop": {"rotation": [ON_CALL], "handover": "mon 09:00", "zone": "Europe/Berlin"}},
        "escalations": {"shop": {"steps": steps, "repeat": 2}},
    }


def _replies(tandem: Tandem) -> list[dict[str, Any]]:
    """Those that the channel shows, too."""
    messages = tandem.slack.messages(CHANNEL)
    replies = tandem.slack.replies(CHANNEL, messages[0]["ts"]) if messages else []
    return [reply for reply in replies if reply.get("subtype") == "thread_broadcast"]


async def _mentioned(tandem: Tandem, *people: str) -> None:
    async def shown() -> bool:
        return [reply["text"].partition(" ")[0] for reply in _replies(tandem)] == [f"<@{who}>" for who in people]

    await until(shown, f"{people} are mentioned, once each", 30)


async def test_it_insists_until_somebody_has_it_whatever_ends_the_process(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        events.append(msgspec.json.decode(await request.read()))
        return web.json_response({"status": "success", "dedup_key": events[-1]["dedup_key"]}, status=202)

    async def acts(*expected: str) -> None:
        async def there() -> bool:
            return [event["event_action"] for event in events] == list(expected)

        await until(there, f"PagerDuty got {expected}", 30)

    app = web.Application()
    app.router.add_post("/v2/enqueue", take)
    secrets = {"TANDEM_SECRET_PD_ROUTING_KEY": "a-routing-key-of-some-length"}
    async with TestServer(app) as pagerduty:
        config = _config(str(pagerduty.make_url("/v2/enqueue")))
        async with running(tmp_path, config, environment=secrets) as tandem:
            await tandem.deliver(alert())
            await _mentioned(tandem, ON_CALL)
            await tandem.kill()
            await tandem.start()
            await _mentioned(tandem, ON_CALL, BYSTANDER)
            await acts("trigger")
            second = _replies(tandem)[1]
            await tandem.slack.click(BYSTANDER, CHANNEL, second["ts"], "incident.seen")
            await tandem.slack.click(SECOND, CHANNEL, second["ts"], "incident.ack")
            await acts("trigger", "acknowledge")
            await tandem.deliver(alert("resolved"))
            await acts("trigger", "acknowledge", "resolve")
            [incident] = await tandem.incidents()
            assert {event["dedup_key"] for event in events} == {incident["id"]}
            assert events[0]["routing_key"] == secrets["TANDEM_SECRET_PD_ROUTING_KEY"]
            assert len(tandem.slack.messages(BYSTANDER)) == 1
            await _mentioned(tandem, ON_CALL, BYSTANDER)
            assert len(tandem.slack.messages(CHANNEL)) == 1
            _, whole = await tandem.get(f"/api/incidents/{incident['id']}")
            told = [entry["text"] for entry in whole["timeline"]]
            assert "Is looking at it" in told
            assert "Escalation shop, step 3: called PagerDuty" in told
