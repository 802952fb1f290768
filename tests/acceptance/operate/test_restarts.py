"""The bot is killed, stopped and starved of disk; nothing acknowledged is lost and nothing is done twice."""

import asyncio
import json
import resource
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from tests.acceptance.audit_log import rows
from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, alert, runbook, running, until
from tests.acceptance.starvation import until_given

KILLS = 20
MARK = """#!/bin/sh
echo "$2" >> "$1"
sleep 0.3
"""


def _config(folder: Path) -> dict[str, Any]:
    """A step that takes a moment and leaves one line per effect, so that a second one would show."""
    program = folder / "mark.py"
    program.write_text(MARK)
    program.chmod(0o755)
    step = {"command": {"argv": [str(program), str(folder / "marks"), "${service}"]}}
    return {"runbooks": {"restart": runbook("true") | {"when": {"alertname": "HighLatency"}, "steps": [step]}}}


async def test_twenty_kills_under_load_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    random = Random(20)
    acknowledged: set[str] = set()
    approved: set[str] = set()
    async with running(tmp_path, _config(tmp_path)) as tandem:
        for turn in range(KILLS):
            load = asyncio.create_task(_load(tandem, turn, acknowledged))
            clicks = asyncio.create_task(_click_offers(tandem, approved))
            await asyncio.sleep(random.uniform(0.1, 2.5))
            await tandem.kill()
            await load
            clicks.cancel()
            await asyncio.gather(clicks, return_exceptions=True)
            await tandem.start()
        await _one_more(tandem, acknowledged, approved)
        await _quiet(tandem)
        incidents = await tandem.incidents()
        known = {found["labels"]["instance"] for incident in incidents for found in incident["alerts"]}
        assert acknowledged, "the load was acknowledged at least once"
        assert acknowledged <= known
        _check_one_message_each(tandem, incidents)
        _check_runs(tandem, incidents, approved)


async def _load(tandem: Tandem, turn: int, acknowledged: set[str]) -> None:
    """Deliveries one after another, until the bot is gone; remembers those that were answered with 202."""
    for i in count():
        instance = f"{turn}-{i}"
        try:
            status = await tandem.deliver(alert(service=f"service-{turn}", instance=instance), groupKey="")
        except (aiohttp.ClientError, ValueError):
            return
        if status == 202:
            acknowledged.add(instance)


async def _one_more(tandem: Tandem, acknowledged: set[str], approved: set[str]) -> None:
    """An alert whose step nobody interrupts: however slow the machine, one has run to its end."""
    assert await tandem.deliver(alert(service="last", instance="last"), groupKey="") == 202
    acknowledged.add("last")
    clicks = asyncio.create_task(_click_offers(tandem, approved))

    async def marked() -> bool:
        marks = tandem.folder / "marks"
        return marks.exists() and "last" in marks.read_text().split()

    await until(marked, "the last step has run", 60)
    clicks.cancel()
    await asyncio.gather(clicks, return_exceptions=True)


async def _click_offers(tandem: Tandem, approved: set[str]) -> None:
    """Approve what is offered; remembers the runs whose approval is recorded."""
    while True:
        for message in tandem.slack.messages(CHANNEL):
            if "run.approve" in json.dumps(message):
                with suppress(KeyError):  # the offer has gone meanwhile
                    await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
        approved |= {run for (run,) in rows(tandem, "SELECT subject FROM audit WHERE action = 'run.approve'")}
        await asyncio.sleep(0.05)


async def _quiet(tandem: Tandem) -> None:
    """Wait until every run that was approved has run and everything is shown."""

    async def shown() -> bool:
        status, said = await tandem.get("/readyz")
        behind = rows(
            tandem,
            "SELECT count(*) FROM incident LEFT JOIN slack_message s ON s.incident_id = incident.id "
            "WHERE coalesce(s.shown_version, 0) < incident.version",
        )
        return status == 200 and said["inbox_lag"] == 0 and behind == [(0,)]

    async def ended() -> bool:
        return rows(tandem, "SELECT count(*) FROM run WHERE status IN ('approved', 'running')") == [(0,)]

    await until(ended, "every run has run", 60)
    await until(shown, "everything is shown", 120)


def _check_one_message_each(tandem: Tandem, incidents: list[dict[str, Any]]) -> None:
    shown = [message["metadata"]["event_payload"] for message in tandem.slack.messages(CHANNEL)]
    posted = [facts["incident_id"] for facts in shown if "incident_id" in facts]  # not a digest
    assert len(posted) == len(set(posted)), "one message per incident"
    assert set(posted) == {incident["id"] for incident in incidents}


def _check_runs(tandem: Tandem, incidents: list[dict[str, Any]], approved: set[str]) -> None:
    runs = {f"run {run['id']}": run for incident in incidents for run in incident["runs"]}
    assert approved <= runs.keys(), "no approval is lost"
    assert all(runs[subject]["status"] not in ("proposed", "expired", "rejected") for subject in approved)
    marks = tandem.folder / "marks"
    done = marks.read_text().split() if marks.exists() else []
    assert len(done) == len(set(done)), "no approved step ran twice"
    succeeded = [run for run in runs.values() if any(step["status"] == "succeeded" for step in run["steps"])]
    assert 0 < len(succeeded) <= len(done)


async def test_sigterm_finishes_what_was_acknowledged_and_ends_with_zero(tmp_path: Path) -> None:
    async with running(tmp_path, {}) as tandem:
        load = [asyncio.create_task(tandem.deliver(alert(instance=str(i)))) for i in range(200)]
        await asyncio.wait(load, return_when=asyncio.FIRST_COMPLETED)
        began = time.monotonic()
        assert await tandem.stop() == 0
        assert time.monotonic() - began < 15
        accepted = sum(status == 202 for status in await asyncio.gather(*load, return_exceptions=True))
        await tandem.start()
        [incident] = await tandem.incidents()
        assert len(incident["alerts"]) == accepted


async def test_a_step_in_flight_in_a_crash_is_settled_by_its_check(tmp_path: Path) -> None:
    done = tmp_path / "done"
    step = {"argv": ["sh", "-c", f"touch {done}; sleep 30"], "check": {"command": {"argv": ["test", "-e", str(done)]}}}
    book = runbook("true")
    book["steps"] = [{"command": step}]
    await _crash_in_step(tmp_path, book, done, "verifying", "its check says that it took effect")


async def test_a_step_in_flight_in_a_crash_without_a_check_is_in_doubt_and_not_repeated(tmp_path: Path) -> None:
    done = tmp_path / "done"
    book = runbook("sh", "-c", f"echo x >> {done}; sleep 30")
    await _crash_in_step(tmp_path, book, done, "in doubt", "whether it took effect is not known")
    assert done.read_text() == "x\n"


async def test_a_step_that_is_marked_repeatable_runs_again_after_a_crash(tmp_path: Path) -> None:
    done = tmp_path / "done"
    book = runbook("true")
    script = f"echo x >> {done}; test $(wc -l < {done}) -gt 1 || sleep 30"
    book["steps"] = [{"command": {"argv": ["sh", "-c", script], "repeatable": True}}]
    await _crash_in_step(tmp_path, book, done, "verifying", "")
    assert done.read_text() == "x\nx\n"


async def _crash_in_step(folder: Path, book: dict[str, Any], done: Path, shown: str, said: str) -> None:
    async with running(folder, {"runbooks": {"restart": book}}) as tandem:
        await tandem.deliver(alert())
        message = await tandem.message("run.approve")
        await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")

        async def began() -> bool:
            return done.exists()

        await until(began, "the step has begun")
        await tandem.kill()
        await tandem.start()
        await tandem.message(shown, seconds=20)

        async def told() -> bool:
            return any(
                said in json.dumps(reply, ensure_ascii=False) for reply in tandem.slack.replies(CHANNEL, message["ts"])
            )

        await until(told, f"the thread says {said!r}", 20)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="prlimit(2), the quota trick, is Linux's")
async def test_on_a_full_disk_nothing_is_acknowledged_and_work_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async with running(tmp_path, {}) as tandem:
        assert await tandem.deliver(alert(instance="before")) == 202
        await tandem.message("HighLatency")
        assert tandem.process is not None
        size = max(file.stat().st_size for file in tmp_path.glob("tandem*.db*"))
        resource.prlimit(tandem.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        refused = [await tandem.deliver(alert(instance=f"during-{i}", filler="x" * 5000)) for i in range(100)]
        assert refused[-1] == 503
        resource.prlimit(tandem.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

        async def accepted() -> bool:
            return await tandem.deliver(alert(instance="after")) == 202

        await until(accepted, "deliveries are taken again")
        expected = {"before", "after"} | {f"during-{i}" for i, status in enumerate(refused) if status == 202}

        async def all_known() -> bool:
            incidents = await tandem.incidents()
            return {found["labels"]["instance"] for found in incidents[0]["alerts"]} == expected

        await until(all_known, "exactly what was acknowledged is in the incident")


async def test_a_second_bot_on_the_same_sqlite_file_refuses_to_start(tmp_path: Path) -> None:
    async with running(tmp_path, {}) as tandem:
        second = Tandem(tmp_path, tandem.slack, {})
        with pytest.raises(AssertionError, match="another Tandem is running"):
            await second.start()


async def test_ten_thousand_alerts_cost_a_bounded_number_of_slack_calls_and_end_shown(tmp_path: Path) -> None:
    """Of six services, each an incident: their last state takes six calls, one a second."""
    async with running(tmp_path, {}) as tandem:
        began = time.monotonic()
        for start in range(0, 10_000, 100):
            alerts = [alert(service=f"s{i % 6}", instance=str(i)) for i in range(start, start + 100)]
            assert await tandem.deliver(*alerts, groupKey="") == 202
        counts = sorted(f"{1667 if i < 4 else 1666} alerts" for i in range(6))

        async def all_true() -> bool:
            shown = [json.dumps(message) for message in tandem.slack.messages(CHANNEL)]
            return sorted(count for message in shown for count in set(counts) if count in message) == counts

        assert tandem.process is not None
        await until_given(tandem.process.pid, 10, all_true, "every incident is shown as it is")
        calls = [call for call in tandem.slack.calls if call["method"] in ("chat.postMessage", "chat.update")]
        assert len(calls) <= time.monotonic() - began + 1
