"""From click to fix, and every click that must not lead there."""

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.acceptance.audit_log import audited, rows
from tests.acceptance.harness import (
    BYSTANDER,
    CHANNEL,
    ON_CALL,
    SECOND,
    Tandem,
    alert,
    runbook,
    running,
    until,
)


def _config(folder: Path, **approval: Any) -> dict[str, Any]:
    marks = folder / "marks"
    book = runbook("python3", "-c", f"open({str(marks)!r}, 'a').write('x')")
    return {"runbooks": {"restart": {**book, "approval": {"approvers": [ON_CALL], **approval}}}}


@pytest.fixture
async def tandem(tmp_path: Path) -> AsyncIterator[Tandem]:
    async with running(tmp_path, _config(tmp_path)) as tandem:
        yield tandem


def _marks(tandem: Tandem) -> int:
    """How often the step's effect happened."""
    marks = tandem.folder / "marks"
    return len(marks.read_text()) if marks.exists() else 0


async def _offered(tandem: Tandem) -> dict[str, Any]:
    assert await tandem.deliver(alert()) == 202
    return await tandem.message("run.approve")


async def _told(tandem: Tandem, user: str, part: str) -> None:
    async def told() -> bool:
        return any(part in message["text"] for message in tandem.slack.ephemerals(user))

    await until(told, f"{user} is told {part!r}")


async def _recorded(tandem: Tandem, actor: str, action: str, part: str = "") -> None:
    async def found() -> bool:
        return any(a == actor and b == action and part in json.dumps(c) for a, b, c in audited(tandem))

    await until(found, f"{action} by {actor} is audited")


async def test_an_approved_run_does_what_was_shown_is_verified_and_the_message_says_so(tandem: Tandem) -> None:
    message = await _offered(tandem)
    await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
    await tandem.message("verifying", absent="run.approve")
    assert _marks(tandem) == 1
    assert await tandem.deliver(alert("resolved")) == 202
    final = await tandem.message("Verified", "resolved", f"approved by <@{ON_CALL}>")
    assert final["ts"] == message["ts"]
    assert len(tandem.slack.messages(CHANNEL)) == 1
    actions = [action for _, action, _ in audited(tandem)]
    assert actions == [
        "run.approve",
        "run.running",
        "run.step.started",
        "run.step.succeeded",
        "run.verifying",
        "run.succeeded",
    ]
    assert await tandem.stop() == 0, tandem.log.read_text()[-2000:]


async def test_a_click_by_somebody_who_may_not_approve_is_refused_to_them_alone_and_audited(tandem: Tandem) -> None:
    message = await _offered(tandem)
    await tandem.slack.click(BYSTANDER, CHANNEL, message["ts"], "run.approve")
    await _told(tandem, BYSTANDER, "You may not approve")
    await _recorded(tandem, BYSTANDER, "run.refused", "may not")
    assert (_marks(tandem), tandem.slack.ephemerals(ON_CALL)) == (0, [])


async def test_two_people_at_once_run_it_once(tmp_path: Path) -> None:
    async with running(tmp_path, _config(tmp_path, approvers=[ON_CALL, SECOND])) as tandem:
        message = await _offered(tandem)
        await asyncio.gather(
            *(tandem.slack.click(user, CHANNEL, message["ts"], "run.approve") for user in (ON_CALL, SECOND, ON_CALL))
        )
        await tandem.message("verifying")
        assert _marks(tandem) == 1
        refused = [actor for actor, action, _ in audited(tandem) if action == "run.refused"]
        assert len(refused) == 2


async def test_as_many_approvals_are_needed_as_the_runbook_says_and_nobody_counts_twice(tmp_path: Path) -> None:
    async with running(tmp_path, _config(tmp_path, approvers=[ON_CALL, SECOND], required=2)) as tandem:
        message = await _offered(tandem)
        await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
        await tandem.message("2 approvals needed", f"given: <@{ON_CALL}>")
        await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
        await _told(tandem, ON_CALL, "somebody else must")
        assert _marks(tandem) == 0
        await tandem.slack.click(SECOND, CHANNEL, message["ts"], "run.approve")
        await tandem.message("verifying")
        assert _marks(tandem) == 1


async def test_a_rejected_run_never_runs(tandem: Tandem) -> None:
    message = await _offered(tandem)
    await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.reject")
    await tandem.message(f"rejected by <@{ON_CALL}>", absent="run.approve")
    assert _marks(tandem) == 0
    await _recorded(tandem, ON_CALL, "run.reject")


async def test_a_click_after_the_offer_expired_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, _config(tmp_path, expires="1s")) as tandem:
        message = await _offered(tandem)
        await tandem.message("nobody decided in time")
        assert await _click_with(tandem, message) == 200
        await _told(tandem, ON_CALL, "expired")
        await _recorded(tandem, ON_CALL, "run.refused")
        assert _marks(tandem) == 0


async def test_a_click_on_an_incident_that_is_resolved_is_refused(tandem: Tandem) -> None:
    message = await _offered(tandem)
    await tandem.deliver(alert("resolved"))
    await tandem.message("resolved after")
    assert await _click_with(tandem, message) == 200
    await _told(tandem, ON_CALL, "your click changed nothing")
    await tandem.slack.command(ON_CALL, CHANNEL, "/incident", "resolve 1")
    await _told(tandem, ON_CALL, "already resolved")
    await _recorded(tandem, ON_CALL, "incident.resolved.refused")
    assert _marks(tandem) == 0


async def test_a_plan_that_was_edited_in_the_click_is_refused(tandem: Tandem) -> None:
    message = await _offered(tandem)
    run_id, _, _ = _value(message).partition(":")
    await _click_with(tandem, message, value=f"{run_id}:{'0' * 64}")
    await _told(tandem, ON_CALL, "no longer the one")
    await _recorded(tandem, ON_CALL, "run.refused")
    assert _marks(tandem) == 0


async def test_a_plan_that_was_edited_in_the_database_is_not_run(tandem: Tandem) -> None:
    message = await _offered(tandem)
    await tandem.kill()
    with contextlib.closing(sqlite3.connect(tandem.database_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE run SET plan = replace(plan, 'open(', 'print(')")
        connection.commit()
    await tandem.start()
    await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
    await tandem.message("not the one that was approved")
    assert _marks(tandem) == 0


async def test_an_offer_whose_runbook_was_edited_is_withdrawn_and_offered_anew(tandem: Tandem) -> None:
    message = await _offered(tandem)
    await tandem.stop()
    config = _config(tandem.folder)
    config["runbooks"]["restart"]["steps"] = [{"command": {"argv": ["echo", "other"]}}]
    tandem.configure(config)
    await tandem.start()
    await tandem.message("edited after this was offered")
    await _click_with(tandem, message)
    await _told(tandem, ON_CALL, "your click changed nothing")
    await tandem.deliver(alert(instance="another"))
    await tandem.message("echo other", "run.approve")
    assert _marks(tandem) == 0


@pytest.mark.parametrize("case", ["wrong signature", "old timestamp", "no signature", "timestamp is no number"])
async def test_a_request_that_is_not_slacks_is_refused_and_audited(tandem: Tandem, case: str) -> None:
    message = await _offered(tandem)
    body = _body(tandem, message)
    headers = tandem.slack.sign(body, int(time.time()))
    if case == "wrong signature":
        headers["X-Slack-Signature"] = "v0=" + "0" * 64
    elif case == "old timestamp":
        headers = tandem.slack.sign(body, int(time.time()) - 600)
    elif case == "no signature":
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
    else:
        headers["X-Slack-Request-Timestamp"] = "soon"
    assert await _send(tandem, body, headers) == 401
    await _recorded(tandem, "unknown", "slack.refused", "wrong signature or old timestamp")
    assert _marks(tandem) == 0


async def test_a_replayed_request_is_refused_and_the_person_it_names_is_told(tandem: Tandem) -> None:
    message = await _offered(tandem)
    body = _body(tandem, message, action="incident.ack")
    headers = tandem.slack.sign(body, int(time.time()))
    assert await _send(tandem, body, headers) == 200
    assert await _send(tandem, body, headers) == 401
    await _told(tandem, ON_CALL, "sent a second time")
    await _recorded(tandem, ON_CALL, "slack.refused", "replayed request")


async def test_a_step_that_fails_is_reported_with_its_last_words_and_rolled_back(tmp_path: Path) -> None:
    undone = tmp_path / "undone"
    book = runbook(
        "sh", "-c", "echo the disk is read-only >&2; exit 3", rollback=[{"command": {"argv": ["touch", str(undone)]}}]
    )
    async with running(tmp_path, {"runbooks": {"restart": book}}) as tandem:
        message = await _offered(tandem)
        await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
        await tandem.message("rolled back", "exit code 3", "The rollback succeeded")
        assert undone.exists()


async def test_a_run_that_does_not_help_in_time_fails_and_says_that_somebody_has_to_look(tmp_path: Path) -> None:
    async with running(tmp_path, {"runbooks": {"restart": runbook("true", verify={"within": "1s"})}}) as tandem:
        message = await _offered(tandem)
        await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
        await tandem.message(
            "failed", "The alerts did not resolve in time: HighLatency on checkout still fires", "somebody has to look"
        )


async def test_a_runbook_that_asks_for_no_verification_claims_none(tmp_path: Path) -> None:
    book = runbook("true", verify={"alerts_resolved": False})
    async with running(tmp_path, {"runbooks": {"restart": book}}) as tandem:
        message = await _offered(tandem)
        await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
        await tandem.message("succeeded", "asks for no verification", absent="Verified")


async def test_acknowledge_and_resolve_by_button_and_command(tandem: Tandem) -> None:
    message = await _offered(tandem)
    await tandem.slack.click(BYSTANDER, CHANNEL, message["ts"], "incident.ack")
    await tandem.message(f"acknowledged by <@{BYSTANDER}>")
    await tandem.slack.click(BYSTANDER, CHANNEL, message["ts"], "incident.resolve")
    await tandem.message(f"resolved by <@{BYSTANDER}>", absent="incident.resolve")
    assert rows(tandem, "SELECT status FROM run") == [("expired",)]


def _value(message: dict[str, Any]) -> str:
    return next(
        str(element["value"])
        for block in message["blocks"]
        for element in block.get("elements", [])
        if element.get("action_id") == "run.approve"
    )


def _body(tandem: Tandem, message: dict[str, Any], action: str = "run.approve", value: str | None = None) -> bytes:
    """A click as Slack posts it, on the button as the message had it when it was read."""
    incident_id = message["metadata"]["event_payload"]["incident_id"]
    default = _value(message) if action.startswith("run") else incident_id
    payload = {
        "type": "block_actions",
        "user": {"id": ON_CALL, "username": "ana", "team_id": "T0LOCAL"},
        "team": {"id": "T0LOCAL", "domain": "local"},
        "channel": {"id": "C0INCIDENTS", "name": CHANNEL},
        "container": {"type": "message", "message_ts": message["ts"], "channel_id": "C0INCIDENTS"},
        "message": {"ts": message["ts"]},
        "api_app_id": "A0TANDEM",
        "response_url": f"{tandem.slack.url}/_response/none",
        "trigger_id": "1.2",
        "actions": [{"type": "button", "action_id": action, "block_id": "b", "value": value or default}],
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


async def _click_with(tandem: Tandem, message: dict[str, Any], value: str | None = None) -> int:
    body = _body(tandem, message, value=value)
    return await _send(tandem, body, tandem.slack.sign(body, int(time.time())))


async def _send(tandem: Tandem, body: bytes, headers: dict[str, str]) -> int:
    url = f"{tandem.url}/slack/events"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status
