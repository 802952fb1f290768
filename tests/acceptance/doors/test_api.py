"""What machines read: incidents as JSON, health, readiness and metrics."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from yarl import URL

from bot.localslack import LocalSlack
from tests.acceptance.harness import TOKEN, Tandem, alert, runbook, running, until
from tests.acceptance.wire import AUTHENTIC, get, send

pytestmark = pytest.mark.asyncio(loop_scope="module")

# The contract of the API; more may be said, nothing less.
INCIDENT = {
    "id",
    "number",
    "title",
    "status",
    "severity",
    "summary",
    "opened_at",
    "resolved_at",
    "alerts",
    "causes",
    "runs",
}
ALERT = {"fingerprint", "status", "labels", "annotations", "starts_at", "ends_at", "source"}
CAUSE = {"service", "kind", "score", "evidence"}
RUN = {"id", "runbook", "status"}
SERVICES = ["checkout", "search", "basket", "mail", "stock"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tandem(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tandem]:
    """A bot with an incident for each of SERVICES; the last one, by number, is resolved."""
    config = {
        "services": {"checkout": {"depends_on": ["payments"]}, "payments": {}},
        "runbooks": {"restart": runbook("true")},
    }
    async with running(tmp_path_factory.mktemp("api"), config) as tandem:
        for service in SERVICES:
            assert await tandem.deliver(alert(service=service), groupKey="") == 202
        assert await tandem.deliver(alert(service="payments"), groupKey="") == 202
        assert await tandem.deliver(alert("resolved", service=SERVICES[-1]), groupKey="") == 202

        async def all_known() -> bool:
            found = await _list(tandem)
            return len(found) == len(SERVICES) and found[0]["status"] == "resolved"

        await until(all_known, "all incidents are there")
        yield tandem


async def _list(tandem: Tandem, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await get(f"{tandem.url}/api/incidents{query}")).json["incidents"]
    return found


async def test_an_incident_is_told_with_everything_that_was_promised(tandem: Tandem) -> None:
    listed = (await _list(tandem))[-1]
    assert listed.keys() >= INCIDENT
    assert "timeline" not in listed
    (checkout,) = [a for a in listed["alerts"] if a["labels"]["service"] == "checkout"]
    assert checkout.keys() >= ALERT
    assert checkout["labels"] == alert()["labels"]
    assert checkout["annotations"] == alert()["annotations"]
    assert (checkout["status"], checkout["source"], checkout["ends_at"]) == ("firing", "alertmanager", None)
    assert datetime.now(UTC) - datetime.fromisoformat(checkout["starts_at"]) < timedelta(minutes=5)
    assert listed["causes"][0].keys() == CAUSE
    assert listed["causes"][0]["service"] == "payments"
    assert listed["runs"][0].keys() >= RUN
    assert (listed["runs"][0]["runbook"], listed["runs"][0]["status"]) == ("restart", "proposed")
    assert datetime.fromisoformat(listed["opened_at"]).utcoffset() is not None
    assert listed["resolved_at"] is None


async def test_one_incident_is_told_with_its_timeline(tandem: Tandem) -> None:
    listed = (await _list(tandem))[0]
    told = (await get(f"{tandem.url}/api/incidents/{listed['id']}")).json
    assert told == {**listed, "timeline": told["timeline"]}
    assert [entry["kind"] for entry in told["timeline"]] == ["opened", "alerts", "status"]
    assert all(entry.keys() == {"at", "kind", "text", "actor"} for entry in told["timeline"])


@pytest.mark.parametrize("limit", [1, 2, 5, 500])
async def test_pages_together_hold_every_incident_once_the_newest_first(tandem: Tandem, limit: int) -> None:
    numbers: list[int] = []
    cursor = ""
    while True:
        page = (await get(f"{tandem.url}/api/incidents?limit={limit}{cursor}")).json
        assert page.keys() == {"incidents", "next"}
        assert len(page["incidents"]) <= limit
        numbers += [incident["number"] for incident in page["incidents"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert numbers == sorted({incident["number"] for incident in await _list(tandem)}, reverse=True)
    assert len(numbers) == len(SERVICES)


async def test_the_list_can_be_narrowed_to_a_status(tandem: Tandem) -> None:
    statuses = {query: {i["status"] for i in await _list(tandem, f"?status={query}")} for query in ("open", "resolved")}
    assert statuses == {"open": {"triggered"}, "resolved": {"resolved"}}
    assert len(await _list(tandem, "?status=triggered")) == len(SERVICES) - 1
    assert await _list(tandem, "?status=acknowledged") == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=0", "limit: "),
        ("limit=501", "limit: "),
        ("limit=-1", "limit: "),
        ("limit=ten", "limit: "),
        ("limit=", "limit: "),
        ("limit=" + "9" * 5000, "limit: "),
        ("cursor=x", "cursor: "),
        ("cursor=-1", "cursor: "),
        ("cursor=%00", "cursor: "),
        ("status=closed", "status: one of triggered, acknowledged, resolved, open"),
        ("status=", "status: "),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused_with_what_is_expected(
    tandem: Tandem, query: str, said: str
) -> None:
    answer = await get(f"{tandem.url}/api/incidents?{query}")
    assert answer.status == 400
    assert said in answer.problem


@pytest.mark.parametrize("id_", ["0" * 32, "none", "%00", "%ff", "..%2f..%2fetc", "x" * 3000])
async def test_an_unknown_incident_is_not_found(tandem: Tandem, id_: str) -> None:
    answer = await send(URL(f"{tandem.url}/api/incidents/{id_}", encoded=True), method="GET")
    assert answer.status == 404
    assert "no incident" in answer.problem


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer t\u00f6ken"])
async def test_the_api_is_closed_without_the_token(tandem: Tandem, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in ("/api/incidents", f"/api/incidents/{(await _list(tandem))[0]['id']}"):
        answer = await get(tandem.url + path, headers)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "Authorization: Bearer" in answer.problem


async def test_the_token_of_the_environment_only_reads(tandem: Tandem) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        answer = await send(f"{tandem.url}/api/incidents", b"{}", method=method)
        assert answer.status == 405
        assert "GET" in answer.headers["Allow"]
    answer = await send(f"{tandem.url}/api/incidents", b'{"title": "Slow"}', method="POST")
    assert answer.status == 403
    assert "incidents:write" in answer.problem


async def test_health_readiness_and_metrics_need_no_token(tandem: Tandem) -> None:
    assert (await get(f"{tandem.url}/healthz", {})).json == {"status": "ok"}
    assert (await get(f"{tandem.url}/metrics", {})).status == 200

    async def ready() -> bool:
        answer = await get(f"{tandem.url}/readyz", {})
        expected = {
            "status": "ok",
            "storage": "ok",
            "slack": "ok",
            "inbox_lag": 0,
            "oldest_waiting_seconds": 0,
            "set_aside": 0,
        }
        return answer.status == 200 and expected.items() <= answer.json.items()

    await until(ready, "the bot is ready")


async def _samples(tandem: Tandem) -> dict[tuple[str, tuple[str, ...]], float]:
    answer = await get(f"{tandem.url}/metrics", {})
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, tuple(s.labels.values())): s.value for family in families for s in family.samples}


async def test_the_metrics_count_what_came_and_what_was_refused_and_name_nothing_from_outside(tandem: Tandem) -> None:
    accepted, refused = ("tandem_events_accepted_total", ("alertmanager",)), ("tandem_requests_refused_total", ("400",))
    before = await _samples(tandem)
    for service in ("search", "mail"):
        await tandem.deliver(alert(service=service, secret="from-outside"), groupKey="")
    assert (await send(f"{tandem.url}/webhooks/alertmanager", b"{")).status == 400
    after = await _samples(tandem)
    assert after[accepted] == before[accepted] + 2
    assert after[refused] == before.get(refused, 0) + 1
    assert "from-outside" not in json.dumps([*map(str, after)])


async def test_a_token_of_its_own_opens_the_api_and_no_other_door(tmp_path: Path) -> None:
    async with LocalSlack() as slack:
        tandem = Tandem(tmp_path, slack, {})
        tandem.environment["TANDEM_API_TOKEN"] = "a-token-for-reading"
        try:
            await tandem.start()
            reading = {"Authorization": "Bearer a-token-for-reading"}
            assert (await get(f"{tandem.url}/api/incidents", reading)).status == 200
            assert (await get(f"{tandem.url}/api/incidents", AUTHENTIC)).status == 401
            assert (await send(f"{tandem.url}/webhooks/alertmanager", b"{}", reading)).status == 401
        finally:
            await tandem.kill()


async def test_without_slack_and_tokens_the_bot_runs_and_says_what_is_off(tmp_path: Path) -> None:
    async with LocalSlack() as slack:
        tandem = Tandem(tmp_path, slack, {})
        tandem.environment |= {"SLACK_BOT_TOKEN": "", "TANDEM_WEBHOOK_TOKEN": ""}
        try:
            await tandem.start()
            answer = await get(f"{tandem.url}/readyz")
            assert (answer.status, answer.json["slack"]) == (200, "off")
            for closed in (
                await get(f"{tandem.url}/api/incidents"),
                await send(f"{tandem.url}/webhooks/alertmanager", b"{}"),
            ):
                assert closed.status == 401
                assert "TANDEM_WEBHOOK_TOKEN" in closed.problem
            assert slack.calls == []
        finally:
            await tandem.kill()


async def test_the_bot_is_not_ready_before_it_reached_slack_and_stays_ready_through_a_short_outage(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, {}) as tandem:
        tandem.slack.fail("*", "down", count=1000)
        assert await tandem.deliver(alert()) == 202

        async def slack_is(status: int, ok: bool) -> bool:
            answer = await get(f"{tandem.url}/readyz")
            return answer.status == status and (answer.json["slack"] == "ok") == ok

        await until(lambda: slack_is(503, ok=False), "the bot is not ready", 20)
        tandem.slack.clear_faults()
        await until(lambda: slack_is(200, ok=True), "the bot is ready", 60)
        tandem.slack.fail("*", "down", count=1000)
        assert await tandem.deliver(alert(alertname="QueueFull")) == 202
        await until(lambda: slack_is(200, ok=False), "the bot is ready, and says that Slack is down", 20)
