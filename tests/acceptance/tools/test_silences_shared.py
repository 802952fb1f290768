"""Silences and a real Alertmanager: made, changed and ended on either side, they are the same on both, and no loop."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, alert, running, until
from tests.acceptance.prometheus import Alertmanager, alertmanager_alone, needs_alertmanager

pytestmark = [needs_alertmanager, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alertmanager]:
    async with alertmanager_alone(tmp_path_factory.mktemp("alertmanager")) as alertmanager:
        yield alertmanager


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tandem(tmp_path_factory: pytest.TempPathFactory, alertmanager: Alertmanager) -> AsyncIterator[Tandem]:
    environment = {"TANDEM_ALERTMANAGER_URL": alertmanager.url, "TANDEM_SILENCES_EVERY": "1"}
    folder: Path = tmp_path_factory.mktemp("silences")
    async with running(folder, {}, environment=environment) as tandem:
        yield tandem


async def _ask(tandem: Tandem, text: str) -> str:
    before = len(tandem.slack.ephemerals(ON_CALL))
    await tandem.slack.command(ON_CALL, CHANNEL, "/incident", text)
    await until(_now(lambda: len(tandem.slack.ephemerals(ON_CALL)) > before), "the command is answered")
    return str(tandem.slack.ephemerals(ON_CALL)[-1]["text"])


def _now(holds: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def holding() -> bool:
        return holds()

    return holding


async def _silence(tandem: Tandem, text: str) -> str:
    """Make a silence in Slack; returns its id."""
    found = re.search(r"unsilence ([\w-]+)", await _ask(tandem, f"silence {text}"))
    assert found
    return found[1]


async def _about(alertmanager: Alertmanager, service: str) -> list[dict[str, Any]]:
    """The silences there that are about a service."""
    return [one for one in await alertmanager.silences() if any(m["value"] == service for m in one["matchers"])]


async def _becomes(alertmanager: Alertmanager, service: str, *states: str) -> dict[str, Any]:
    """The silence about a service there, once these are the states of all of them."""

    async def so() -> bool:
        return sorted(one["status"]["state"] for one in await _about(alertmanager, service)) == sorted(states)

    try:
        await until(so, f"the silences over {service} there are {states}")
    except AssertionError as error:
        raise AssertionError(f"{error}: {await _about(alertmanager, service)}") from error
    return (await _about(alertmanager, service))[0]


async def _lists(tandem: Tandem, *parts: str, absent: str = "\0") -> str:
    """What `/incident silences` says, once it holds all parts and not the absent one."""
    said = ""

    async def listed() -> bool:
        nonlocal said
        said = await _ask(tandem, "silences")
        return all(part in said for part in parts) and absent not in said

    try:
        await until(listed, f"{parts} are listed and {absent} is not")
    except AssertionError as error:
        raise AssertionError(f"{error}: {said}") from error
    return said


async def _rounds(tandem: Tandem, alertmanager: Alertmanager, count: int) -> None:
    """Let the bot look at the silences there this many times more: each time it finds another one."""
    for number in range(count):
        there = await alertmanager.silence(_in(minutes=1), _equal(f"round-{number}"), createdBy="bob", comment="round")
        await _lists(tandem, there)
        await alertmanager.expire(there)


def _in(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def _equal(service: str) -> dict[str, Any]:
    return {"name": "service", "value": service, "isRegex": False, "isEqual": True}


async def test_a_silence_made_in_slack_is_made_there_alike_and_its_end_ends_it_there(
    tandem: Tandem, alertmanager: Alertmanager
) -> None:
    silence = await _silence(tandem, '2h service=made-here alertname=~"Disk.*" zone!=a # migration')
    there = await _becomes(alertmanager, "made-here", "active")
    assert sorted((m["name"], m["value"], m["isRegex"], m["isEqual"]) for m in there["matchers"]) == [
        ("alertname", "Disk.*", True, True),
        ("service", "made-here", False, True),
        ("zone", "a", False, False),
    ]
    lasts = datetime.fromisoformat(there["endsAt"]) - datetime.now(UTC)
    assert timedelta(minutes=119) < lasts <= timedelta(minutes=120)
    assert (there["createdBy"], there["comment"]) == (f"Tandem: {ON_CALL}", f"migration (Tandem silence {silence})")
    await _ask(tandem, f"unsilence {silence}")
    await _becomes(alertmanager, "made-here", "expired")


async def test_a_silence_made_there_is_shown_and_honoured_until_it_ends_there(
    tandem: Tandem, alertmanager: Alertmanager
) -> None:
    there = await alertmanager.silence(_in(hours=1), _equal("made-there"), createdBy="alice", comment="known")
    await _lists(tandem, f"alertmanager-{there}", "by Alertmanager: alice", "known")
    assert await tandem.deliver(alert(service="made-there"), groupKey="made-there") == 202
    assert await tandem.deliver(alert(service="not-silenced"), groupKey="not-silenced") == 202
    await tandem.message("HighLatency on not-silenced")
    assert all("made-there" not in incident["services"] for incident in await tandem.incidents())
    await alertmanager.expire(there)
    await tandem.message("HighLatency on made-there")
    await _lists(tandem, absent=there)


async def test_a_silence_made_there_that_is_ended_in_slack_is_over_there(
    tandem: Tandem, alertmanager: Alertmanager
) -> None:
    there = await alertmanager.silence(_in(hours=1), _equal("ended-here"), createdBy="alice", comment="known")
    await _lists(tandem, there)
    assert "Ended" in await _ask(tandem, f"unsilence alertmanager-{there}")
    await _becomes(alertmanager, "ended-here", "expired")


async def test_a_silence_made_here_that_is_lengthened_or_expired_there_is_so_here(
    tandem: Tandem, alertmanager: Alertmanager
) -> None:
    await _silence(tandem, "10m service=changed-there")
    there = await _becomes(alertmanager, "changed-there", "active")
    fields = {name: there[name] for name in ("id", "startsAt", "createdBy", "comment")}
    edited = await alertmanager.silence("2031-05-06T07:08:09Z", *there["matchers"], **fields)
    assert (await _lists(tandem, "2031-05-06 07:08:09 UTC")).count("changed-there") == 1
    await alertmanager.expire(edited)
    await _lists(tandem, absent="changed-there")


async def test_many_rounds_and_a_restart_make_no_silence_twice(tandem: Tandem, alertmanager: Alertmanager) -> None:
    await alertmanager.silence(_in(hours=1), _equal("loop-there"), createdBy="alice", comment="known")
    for number in range(3):
        await _silence(tandem, f"1h service=loop-{number}")
    await tandem.kill()  # most likely while it tells of them
    await tandem.start()
    for number in range(3):
        await _becomes(alertmanager, f"loop-{number}", "active")
    await _rounds(tandem, alertmanager, 3)
    assert [len(await _about(alertmanager, f"loop-{name}")) for name in (0, 1, 2, "there")] == [1, 1, 1, 1]
    assert (await _ask(tandem, "silences")).count("loop-") == 4
