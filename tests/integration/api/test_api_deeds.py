"""What programs do over the API: the same deeds as by command, and lists that are narrowed."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from bot.domain.runbook import Runbook
from bot.storage.queries import audit
from tests.integration.api.programs import Programs, api
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


@pytest.fixture
async def programs(pipeline: Pipeline) -> AsyncIterator[Programs]:
    async with api(pipeline) as found:
        yield found


async def test_an_incident_is_led_from_its_declaration_to_its_end(programs: Programs, pipeline: Pipeline) -> None:
    ci = programs.ci
    status, made, headers = await ci("POST", "/api/incidents", {"title": "Cart is slow", "service": "cart"})
    assert (status, made["number"], made["status"], made["severity"]) == (201, 1, "triggered", "high")
    at = headers["Location"]
    assert at == f"/api/incidents/{made['id']}"
    assert (await ci.ok("POST", f"{at}/acknowledge"))["acknowledged_by"] == "ci"
    assert (await ci.ok("POST", f"{at}/assign", {"user": "U0ADA"}))["owner"] == "U0ADA"
    led = await ci.ok("POST", f"{at}/roles", {"role": "lead", "user": "U0ADA"})
    assert (led["lead"], led["scribe"]) == ("U0ADA", None)
    assert "null" in await ci.problem(400, "POST", f"{at}/roles", {"role": "scribe", "user": "ada"})
    assert (await ci.ok("POST", f"{at}/severity", {"severity": "P1"}))["severity"] == "critical"
    await ci.ok("POST", f"{at}/notes", {"text": "replica 3 was restarted"}, status=201)
    await ci.ok("POST", f"{at}/updates", {"text": "carts work again"}, status=201)
    assert (await ci.ok("POST", f"{at}/unacknowledge"))["status"] == "triggered"
    assert (await ci.ok("POST", f"{at}/resolve"))["resolved_by"] == "ci"
    assert (await ci.ok("POST", f"{at}/reopen"))["status"] == "triggered"
    shown = await ci.ok("GET", "/api/incidents/1")
    texts = {entry["text"]: entry["actor"] for entry in shown["timeline"]}
    assert texts["replica 3 was restarted"] == texts["Acknowledged"] == "ci"
    async with pipeline.database.read() as connection:
        done = [row["action"] for row in await audit.entries(connection) if row["actor"] == "ci"]
    assert done == [
        "incident.declared",
        "incident.acknowledged",
        "incident.assigned",
        "incident.lead",
        "incident.severity",
        "incident.note",
        "incident.update",
        "incident.unacknowledged",
        "incident.resolved",
        "incident.reopened",
    ]
    assert [entry["action"] for entry in (await ci.ok("GET", "/api/audit?actor=ci"))["entries"]] == done[::-1]


async def test_incidents_are_merged_and_split(programs: Programs, pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(), alert(service="cart"))
    first, second = await pipeline.incidents()
    assert (await programs.ci.ok("POST", f"/api/incidents/{second.id}/merge", {"into": first.number}))["id"] == first.id
    shown = await programs.ci.ok("GET", f"/api/incidents/{second.id}")
    assert shown["part_of"] == first.id
    body = {"matchers": ['service="cart"']}
    split = await programs.ci.ok("POST", f"/api/incidents/{first.id}/split", body, status=201)
    assert split["services"] == ["cart"]
    assert "0 of 1" in await programs.ci.problem(409, "POST", f"/api/incidents/{first.id}/split", body)
    assert "into" in await programs.ci.problem(404, "POST", f"/api/incidents/{first.id}/merge", {"into": 99})


async def test_what_cannot_be_is_a_conflict_with_the_reason(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    at = "/api/incidents/1"
    body = {"unless_firing": True}
    assert "1 alert still fires" in await programs.ci.problem(409, "POST", f"{at}/resolve", body)
    assert "open already" in await programs.ci.problem(409, "POST", f"{at}/reopen")
    await programs.ci.ok("POST", f"{at}/acknowledge")
    assert "already acknowledged by ci" in (await programs.ci.problem(409, "POST", f"{at}/acknowledge"))


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("", {}, "title"),
        ("", {"title": " "}, "title: say what is wrong"),
        ("", {"title": "x" * 151}, "title: Expected `str` of length <= 150"),
        ("", {"title": "Slow", "servce": "cart"}, "'servce' is no known field; did you mean 'service'?"),
        ("", {"title": "Slow", "severity": "purple"}, "severity: 'purple' is none of critical, high"),
        ("", {"title": "Slow", "labels": {"zone": "a"}}, "labels: 'zone' is none of cluster"),
        ("", {"title": "S\x00w"}, "no NUL"),
        ("", ["title"], "Expected `object`"),
        ("/1/notes", {"text": ""}, "text"),
        ("/1/notes", {"text": "  "}, "text: there is nothing written"),
        ("/1/assign", {"user": "ada"}, "user: the id of a Slack user"),
        ("/1/severity", {}, "severity"),
        ("/1/split", {"matchers": []}, "matchers"),
        ("/1/split", {"matchers": ["cart"]}, "matchers: 'cart' is no matcher"),
        ("/1/acknowledge", {"by": "ada"}, "'by' is no known field; this endpoint takes none"),
        ("/1/acknowledge?force=1", None, "'force' is no known parameter"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_with_what_is_expected(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert, path: str, body: Any, why: str
) -> None:
    await pipeline.send(alert())
    assert why in await programs.ci.problem(400, "POST", f"/api/incidents{path}", body)
    assert len(await pipeline.incidents()) == 1
    assert (await pipeline.only_incident()).version == 1


async def test_a_list_is_narrowed_by_what_it_knows(programs: Programs, pipeline: Pipeline, alert: MakeAlert) -> None:
    clock = pipeline.clock
    await pipeline.send(alert(service="checkout", severity="critical"))
    clock.pass_(hours=1)
    await pipeline.send(alert(service="stock", alertname="Disk_50%", severity="info"))
    since = (clock() - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")

    async def numbers(query: str) -> list[int]:
        found = await programs.ci.ok("GET", f"/api/incidents?{query}")
        return [one["number"] for one in found["incidents"]]

    assert await numbers("severity=critical") == [1]
    assert await numbers("service=stock") == [2]
    await programs.ci.problem(404, "GET", "/api/incidents?service=st")
    assert await numbers("team=shop") == [1]
    await programs.ci.problem(404, "GET", "/api/incidents?team=none")
    assert await numbers(f"since={since}") == [2]
    assert await numbers("since=" + since.replace("Z", "+00:00")) == [2]
    assert await numbers("q=disk_50%25") == [2]
    assert await numbers("q=%25") == [2]
    assert await numbers("q=%232") == [2]
    assert await numbers("status=open&severity=info&team=stock&service=stock") == [2]
    listed = await programs.ci.ok("GET", "/api/incidents?alerts=false&limit=1")
    assert "alerts" not in listed["incidents"][0]
    assert listed["next"] == "2"
    for wrong in ("severity=bad", "since=yesterday", "since=2026-01-01T00:00:00", "alerts=maybe", "z=1"):
        await programs.ci.problem(400, "GET", f"/api/incidents?{wrong}")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_run_is_proposed_and_not_approved(pipeline: Pipeline, alert: MakeAlert) -> None:
    book = {
        "title": "Restart",
        "when": {"service": "other"},
        "steps": [{"command": {"argv": ["true"], "repeatable": True}}],
        "approval": {"approvers": ["U012AB3CD"]},
    }
    pipeline.rules = msgspec.structs.replace(pipeline.rules, runbooks={"restart": Runbook.model_validate(book)})
    await pipeline.send(alert())
    async with api(pipeline) as programs:
        at = "/api/incidents/1/runs"
        assert "runbook: there is no 'other'" in await programs.ci.problem(400, "POST", at, {"runbook": "other"})
        await programs.look.problem(403, "POST", at, {"runbook": "restart"})
        made = await programs.ci.ok("POST", at, {"runbook": "restart"}, status=201)
        assert (made["status"], made["proposed_by"], made["decisions"]) == ("proposed", "ci", [])
        assert "already" in await programs.ci.problem(409, "POST", at, {"runbook": "restart"})
        listed = await programs.ci.ok("GET", "/api/runs?incident=1&status=proposed")
        assert [run["id"] for run in listed["runs"]] == [made["id"]]
        for decision in ("approve", "decisions"):
            headers = {"Authorization": "Bearer ci-secret"}
            async with programs.client.post(f"/api/runs/{made['id']}/{decision}", headers=headers) as answer:
                assert answer.status == 404
