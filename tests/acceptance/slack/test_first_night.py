"""The first night on call, by the real program: page, no answer, kill -9, the next person, PagerDuty; then acknowledge,
hand over, fix, report."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.acceptance.harness import BYSTANDER, CHANNEL, ON_CALL, SECOND, Tandem, alert, runbook, running, until

SECRETS = {"TANDEM_SECRET_PD_ROUTING_KEY": "a-routing-key-of-some-length"}


@dataclass
class PagerDuty:
    """What it was sent, in order."""

    events: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.events.append(msgspec.json.decode(await request.read()))
        return web.json_response({"status": "success", "dedup_key": self.events[-1]["dedup_key"]}, status=202)

    async def got(self, *expected: str) -> None:
        async def there() -> bool:
            return [event["event_action"] for event in self.events] == list(expected)

        await until(there, f"PagerDuty got {expected}", 60)


@asynccontextmanager
async def _pagerduty() -> AsyncIterator[PagerDuty]:
    made, app = PagerDuty(), web.Application()
    app.router.add_post("/v2/enqueue", made.take)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/v2/enqueue"))
        yield made


def _config(pagerduty: str, fixed: Path) -> dict[str, Any]:
    steps = [
        {"after": "0s", "mention": [{"schedule": "shop"}]},
        {"after": "8s", "mention": [BYSTANDER], "direct_message": [BYSTANDER]},
        {"after": "12s", "pagerduty": {"secret": "PD_ROUTING_KEY", "url": pagerduty}},
    ]
    restart = runbook(
        "touch", str(fixed), verify={"within": "3m", "stable_for": "1s"}, approval={"approvers": [BYSTANDER]}
    )
    return {
        "routes": [{"match": ['severity="critical"'], "channel": "#incidents", "escalation": "shop"}],
        "schedules": {"shop": {"rotation": [ON_CALL], "handover": "mon 09:00", "zone": "Europe/Berlin"}},
        "escalations": {"shop": {"steps": steps, "repeat": 2}},
        "runbooks": {"restart-checkout": restart},
    }


def _replies(tandem: Tandem) -> list[dict[str, Any]]:
    """Those that the channel shows, too."""
    messages = tandem.slack.messages(CHANNEL)
    replies = tandem.slack.replies(CHANNEL, messages[0]["ts"]) if messages else []
    return [reply for reply in replies if reply.get("subtype") == "thread_broadcast"]


async def _mentioned(tandem: Tandem, *people: str) -> None:
    async def shown() -> bool:
        return [reply["text"].partition(" ")[0] for reply in _replies(tandem)] == [f"<@{who}>" for who in people]

    await until(shown, f"{people} are mentioned, once each", 60)


async def _typed(tandem: Tandem, user: str, text: str) -> str:
    """What a command answers, to this person alone."""
    before = len(tandem.slack.ephemerals(user))
    assert await tandem.slack.command(user, CHANNEL, "/incident", text) == 200

    async def answered() -> bool:
        return len(tandem.slack.ephemerals(user)) > before

    await until(answered, f"{user} is answered", 60)
    return str(tandem.slack.ephemerals(user)[-1]["text"])


async def _report(tandem: Tandem) -> str:
    """The Markdown that stands in the thread of the only incident."""
    [message] = tandem.slack.messages(CHANNEL)
    replies = tandem.slack.replies(CHANNEL, message["ts"])
    [files] = [reply["files"] for reply in replies if reply.get("files")]
    assert [file["name"] for file in files] == ["incident-1.md", "incident-1-1.png"]
    async with aiohttp.ClientSession() as session, session.get(files[0]["url_private"]) as given:
        return await given.text()


async def test_it_insists_until_somebody_has_it_and_what_they_did_is_in_the_report(tmp_path: Path) -> None:
    fixed = tmp_path / "fixed"
    async with _pagerduty() as pagerduty:
        config = _config(pagerduty.url, fixed)
        async with running(tmp_path, config, environment=SECRETS) as tandem:
            await tandem.deliver(alert())
            await _mentioned(tandem, ON_CALL)
            await tandem.kill()
            await tandem.start()
            await _mentioned(tandem, ON_CALL, BYSTANDER)
            await pagerduty.got("trigger")
            await _somebody_has_it(tandem)
            await pagerduty.got("trigger", "acknowledge")
            await _fixed(tandem, fixed)
            await pagerduty.got("trigger", "acknowledge", "resolve")
            await _nobody_was_called_twice(tandem)
            [incident] = await tandem.incidents()
            assert {event["dedup_key"] for event in pagerduty.events} == {incident["id"]}
            assert pagerduty.events[0]["routing_key"] == SECRETS["TANDEM_SECRET_PD_ROUTING_KEY"]
            assert "its thread" in await _typed(tandem, BYSTANDER, "report 1")
            report = await _report(tandem)
    for part in (
        f"step 1: mentioned {ON_CALL}",
        f"step 2: mentioned {BYSTANDER}",
        "step 3: called PagerDuty",
        f"{BYSTANDER}: Is looking at it",
        f"| Acknowledged | by {SECOND} |",
        f"{SECOND}: Assigned to @{BYSTANDER}",
        f"**Restart checkout**: succeeded and was verified (approved by {BYSTANDER}",
        "What helped: Restart checkout.",
        "## Charts",
    ):
        assert part in report.replace("\\", ""), part


async def _somebody_has_it(tandem: Tandem) -> None:
    """One looks, another acknowledges and so has it, the first cannot take it then, and is given it."""
    page = _replies(tandem)[1]
    await tandem.slack.click(BYSTANDER, CHANNEL, page["ts"], "incident.seen")
    await tandem.slack.click(SECOND, CHANNEL, page["ts"], "incident.ack")
    await tandem.message(f"acknowledged by <@{SECOND}>", seconds=60)
    assert f"is taken by <@{SECOND}>" in await _typed(tandem, BYSTANDER, "take 1")
    await _typed(tandem, SECOND, f"assign 1 <@{BYSTANDER}|ben>")
    await tandem.message(f"owned by <@{BYSTANDER}>", seconds=60)
    assert "is yours already" in await _typed(tandem, BYSTANDER, "take 1")


async def _fixed(tandem: Tandem, fixed: Path) -> None:
    """Who has it approves what is offered; it runs, the alert ends, and that is verified."""
    message = await tandem.message("run.approve", seconds=60)
    assert not fixed.exists(), "nothing runs before somebody approved it"
    await tandem.slack.click(BYSTANDER, CHANNEL, message["ts"], "run.approve")
    await tandem.message("verifying", seconds=60)
    assert fixed.exists()
    await tandem.deliver(alert("resolved"))
    await tandem.message("Fixed by", "which was verified", seconds=90)


async def _nobody_was_called_twice(tandem: Tandem) -> None:
    assert len(tandem.slack.messages(BYSTANDER)) == 1
    assert len(tandem.slack.messages(CHANNEL)) == 1
    calls = [reply["text"] for reply in _replies(tandem)]
    assert [sum(call.startswith(f"<@{who}>") for call in calls) for who in (ON_CALL, BYSTANDER)] == [1, 1]
