"""Who may do what over the API: scopes, domains, expiry, rates; and what holds between writers: versions and keys."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.event import AlertEvent
from bot.errors import StorageUnavailable
from tests.conftest import Clock
from tests.integration.api.programs import ALL, TOKENS, Program, Programs, api
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


@pytest.fixture
async def programs(pipeline: Pipeline) -> AsyncIterator[Programs]:
    async with api(pipeline) as found:
        yield found


async def test_a_token_does_what_its_scopes_allow_and_the_one_of_the_environment_reads(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    for reader in (programs.look, programs.sole):
        assert (await reader.ok("GET", "/api/incidents/1"))["number"] == 1
        assert "lacks the scope incidents:write" in await reader.problem(403, "POST", "/api/incidents/1/acknowledge")
        assert "silences:write" in await reader.problem(403, "POST", "/api/silences", {})
    await programs.sole.ok("GET", "/api/models")
    assert "models:read" in await programs.look.problem(403, "GET", "/api/models")
    stranger = Program(programs.client, "wrong")
    assert "Authorization: Bearer" in await stranger.problem(401, "GET", "/api/incidents")
    assert (await pipeline.only_incident()).acknowledged_by is None


async def test_what_is_of_another_domain_is_not_there_for_a_token(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(cluster="eu-1"), alert(cluster="us-2", alertname="Secret"))
    mine, other = sorted(await pipeline.incidents(), key=lambda incident: incident.domain)
    eu = programs.eu
    assert [one["id"] for one in (await eu.ok("GET", "/api/incidents"))["incidents"]] == [mine.id]
    deeds: dict[str, Any] = {
        "acknowledge": None,
        "resolve": None,
        "reopen": None,
        "notes": {"text": "x"},
        "assign": {"user": "U0ADA"},
        "severity": {"severity": "high"},
        "merge": {"into": mine.number},
        "split": {"matchers": ["a=b"]},
    }
    for key in (other.id, other.number):
        assert "no incident" in await eu.problem(404, "GET", f"/api/incidents/{key}")
        for deed, body in deeds.items():
            await eu.problem(404, "POST", f"/api/incidents/{key}/{deed}", body)
    await eu.problem(404, "POST", f"/api/incidents/{mine.id}/merge", {"into": other.number})
    await eu.problem(404, "GET", f"/api/runs?incident={other.id}")
    await programs.ci.ok("POST", f"/api/incidents/{other.id}/notes", {"text": "Secret"}, status=201)
    await programs.ci.ok("POST", f"/api/incidents/{mine.id}/notes", {"text": "mine"}, status=201)
    assert len((await eu.ok("GET", "/api/audit"))["entries"]) == 1
    services = (await eu.ok("GET", "/api/services"))["services"]
    assert services == [
        {"name": "checkout", "depends_on": [], "teams": ["shop"], "severity": "warning", "incidents": [mine.number]}
    ]
    assert (await eu.ok("POST", "/api/incidents", {"title": "Slow"}, status=201))["domain"] == "eu-1"
    body = {"title": "Slow", "labels": {"cluster": "us-2"}}
    await eu.problem(404, "POST", "/api/incidents", body)


async def test_silences_are_made_listed_and_ended_and_kept_to_a_tokens_domains(
    programs: Programs, pipeline: Pipeline
) -> None:
    body = {"matchers": ['service="cart"'], "duration": "1h", "comment": "known"}
    status, made, headers = await programs.ci("POST", "/api/silences", body)
    assert (status, headers["Location"]) == (201, f"/api/silences/{made['id']}")
    assert (made["matchers"], made["created_by"], made["comment"]) == (['service="cart"'], "ci", "known")
    own = await programs.eu.ok("POST", "/api/silences", body, status=201)
    assert own["matchers"] == ['service="cart"', 'cluster="eu-1"']
    refused = {**body, "matchers": ['cluster="us-2"']}
    assert "This token is for eu-1" in await programs.eu.problem(403, "POST", "/api/silences", refused)
    assert [one["id"] for one in (await programs.eu.ok("GET", "/api/silences"))["silences"]] == [own["id"]]
    assert len((await programs.look.ok("GET", "/api/silences"))["silences"]) == 2
    await programs.eu.problem(404, "DELETE", f"/api/silences/{made['id']}")
    await programs.ci.ok("DELETE", f"/api/silences/{made['id']}")
    await programs.ci.problem(404, "DELETE", f"/api/silences/{made['id']}")
    for wrong in ("", "1y", "99d", "-1h"):
        assert "duration" in await programs.ci.problem(400, "POST", "/api/silences", {**body, "duration": wrong})
    broad = {**body, "matchers": ['service=~".*"']}
    assert "whatever they are" in await programs.ci.problem(409, "POST", "/api/silences", broad)
    await programs.ci.ok("POST", "/api/silences", {**broad, "anyway": True}, status=201)


async def test_of_two_writers_who_saw_the_same_version_one_wins(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    _, _, headers = await programs.ci("GET", "/api/incidents/1")
    tag = headers["ETag"]
    both = [
        programs.ci("POST", "/api/incidents/1/severity", {"severity": level}, If_Match=tag)
        for level in ("high", "critical")
    ]
    statuses = sorted(status for status, _, _ in await asyncio.gather(*both))
    assert statuses == [200, 412]
    status, answer, headers = await programs.ci("POST", "/api/incidents/1/acknowledge", None, If_Match="*")
    assert (status, headers["ETag"]) == (200, f'"{answer["version"]}"')
    for stale in (tag, '"old"', f'W/{tag}, "x"'):
        await programs.ci.problem(412, "POST", "/api/incidents/1/resolve", None, If_Match=stale)
        await programs.ci.problem(412, "POST", "/api/incidents/1/split", {"matchers": ["a=b"]}, If_Match=stale)
    await programs.ci.problem(400, "POST", "/api/incidents/1/resolve", None, If_Match="3")


async def test_a_request_with_a_key_is_carried_out_once(programs: Programs, pipeline: Pipeline, clock: Clock) -> None:
    body = {"title": "Cart is slow"}
    first = await programs.ci("POST", "/api/incidents", body, Idempotency_Key="k1")
    again = await programs.ci("POST", "/api/incidents", body, Idempotency_Key="k1")
    assert first[:2] == again[:2]
    assert (again[2]["Location"], again[2]["Idempotency-Replayed"]) == (first[2]["Location"], "true")
    await programs.eu.ok("POST", "/api/incidents", body, status=201, Idempotency_Key="k1")
    other = {"title": "Another"}
    assert "another request" in await programs.ci.problem(409, "POST", "/api/incidents", other, Idempotency_Key="k1")
    both = [programs.ci("POST", "/api/incidents", other, Idempotency_Key="k2") for _ in range(5)]
    statuses = {status for status, _, _ in await asyncio.gather(*both)}
    assert 201 in statuses
    assert statuses <= {201, 409}
    assert len(await pipeline.incidents()) == 3
    await programs.ci.problem(400, "POST", "/api/incidents", {}, Idempotency_Key="k3")
    await programs.ci.ok("POST", "/api/incidents", body, status=201, Idempotency_Key="k3")
    clock.pass_(days=1, minutes=1)
    await programs.ci.ok("POST", "/api/incidents", body, status=201, Idempotency_Key="k1")
    assert len(await pipeline.incidents()) == 5


async def test_a_token_ends_when_it_expires_and_its_secret_changes_with_its_file(
    pipeline: Pipeline, clock: Clock, tmp_path: Path
) -> None:
    now = 0.0
    file = tmp_path / "secret"
    file.write_text("first-secret\n")
    expires = (clock() + timedelta(hours=1)).isoformat()
    configured = [{"name": "ci", "secret": "CI", "scopes": ALL, "expires": expires}]
    async with api(pipeline, configured, {"TANDEM_SECRET_CI_FILE": str(file)}, monotonic=lambda: now) as programs:
        first, second = (Program(programs.client, name) for name in ("first-secret", "second-secret"))
        await first.ok("GET", "/api/incidents")
        await second.problem(401, "GET", "/api/incidents")
        file.write_text("first-secret\nsecond-secret\n")
        now += 2
        await first.ok("GET", "/api/incidents")
        await second.ok("GET", "/api/incidents")
        file.write_text("second-secret")
        now += 2
        await first.problem(401, "GET", "/api/incidents")
        clock.pass_(hours=1)
        await second.problem(401, "GET", "/api/incidents")


async def test_a_token_that_asks_too_often_waits_and_no_other_one_does(pipeline: Pipeline) -> None:
    now = 0.0
    configured = [{**TOKENS[0], "per_minute": 2}, TOKENS[1]]
    async with api(pipeline, configured, monotonic=lambda: now) as programs:
        await programs.ci.ok("GET", "/api/incidents")
        await programs.ci.ok("GET", "/api/incidents")
        status, answer, headers = await programs.ci("GET", "/api/incidents")
        assert (status, headers["Retry-After"]) == (429, "30")
        assert "ci may ask 2 times a minute" in answer["detail"]
        await programs.eu.ok("GET", "/api/incidents")
        now += 30
        await programs.ci.ok("GET", "/api/incidents")
        assert (await programs.ci("GET", "/api/incidents"))[0] == 429


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_was_interrupted_is_not_done_twice_by_the_same_key(
    programs: Programs, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        raise StorageUnavailable("gone")

    body = {"title": "Cart is slow"}
    with monkeypatch.context() as patched:
        patched.setattr("handlers.api.serving.finish", lost)
        headers = {"Authorization": "Bearer ci-secret", "Idempotency-Key": "k1"}
        async with programs.client.post("/api/incidents", json=body, headers=headers) as answer:
            assert answer.status == 503
    assert "interrupted" in await programs.ci.problem(409, "POST", "/api/incidents", body, Idempotency_Key="k1")
    assert len(await pipeline.incidents()) == 1
