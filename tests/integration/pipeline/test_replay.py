"""``tandem replay``: what its log may say, and what time does in it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from bot.commands.parts.recording import Made, record
from bot.commands.parts.replay import counterparts, print_incidents, read_log, read_made, replay_file
from bot.config import Config
from bot.domain.event import ChangeEvent
from bot.domain.rules import Rules
from bot.errors import ConfigError
from bot.inbox.inbox import open_inbox
from bot.storage.database import open_database
from handlers.http.endpoint import parse_delivery
from tests.acceptance.harness import alert, delivery
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, make_alert
from tests.unit.sources.test_changes_github import DEPLOYMENT_STATUS, RELEASE
from tests.unit.sources.test_changes_gitlab import DEPLOYMENT

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_NEXT_DAY = (START + timedelta(days=1)).isoformat()


def _line(after: timedelta, body: Any, source: str = "alertmanager") -> str:
    return json.dumps({"received_at": (START + after).isoformat(), "source": source, "body": body})


def _log(folder: Path, *lines: str) -> Path:
    path = folder / "log.jsonl"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ('{"source": "alertmanager"}', "missing required field `received_at`"),
        ('{"received_at": "2026-03-01T12:00:00", "source": "x"}', "timezone component - at `$.received_at`"),
        (_line(timedelta(), {}, "alertmanger"), "did you mean 'alertmanager'?"),
        (_line(timedelta(), {"version": "4"}), "missing required field `alerts`"),
        (_line(timedelta(), {}, "cloudevents"), "source"),
        ('{"received_at": "2026-03-01T12:00:00Z", "source": "x", "events": [{"kind": "odd"}]}', "$.events[0].kind"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, said: str) -> None:
    log = _log(tmp_path, _line(timedelta(), delivery(alert())), "", line)
    with pytest.raises(ConfigError) as refused:
        list(read_log(log, parse_delivery))
    assert str(refused.value).startswith(f"{log}:3: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("source", "body", "headers"),
    [
        ("github", DEPLOYMENT_STATUS, {"X-GitHub-Event": "deployment_status"}),
        ("github", RELEASE, {"x-github-event": "release"}),
        ("gitlab", DEPLOYMENT, {}),
    ],
)
def test_a_raw_delivery_is_read_with_the_headers_that_say_what_it_is(
    tmp_path: Path, source: str, body: Any, headers: dict[str, str]
) -> None:
    line = json.loads(_line(timedelta(), body, source)) | ({"headers": headers} if headers else {})
    [(_, _, [event])] = read_log(_log(tmp_path, json.dumps(line)), parse_delivery)
    assert isinstance(event, ChangeEvent)
    assert event.service == "checkout"


def test_a_raw_delivery_without_the_header_that_it_needs_says_how_to_give_it(tmp_path: Path) -> None:
    log = _log(tmp_path, _line(timedelta(), DEPLOYMENT_STATUS, "github"))
    with pytest.raises(ConfigError, match=r":1: the header X-GitHub-Event is missing: give it beside the body"):
        list(read_log(log, parse_delivery))


async def test_a_deployment_of_a_raw_log_is_evidence_for_the_cause(tmp_path: Path) -> None:
    deployed = DEPLOYMENT_STATUS["deployment_status"] | {"created_at": (START - timedelta(minutes=6)).isoformat()}
    line = json.loads(_line(-timedelta(minutes=6), DEPLOYMENT_STATUS | {"deployment_status": deployed}, "github"))
    log = _log(
        tmp_path,
        json.dumps(line | {"headers": {"X-GitHub-Event": "deployment_status"}}),
        _line(timedelta(), delivery(alert() | {"startsAt": START.isoformat()})),
    )
    [made] = await replay_file(log, Config(), parse_delivery)
    assert made.cause == "checkout (change)"


async def test_an_empty_log_makes_no_incidents(tmp_path: Path) -> None:
    assert await replay_file(_log(tmp_path), Config(), parse_delivery) == []


def _flapping() -> list[str]:
    """An alert that changes every ten seconds, and stays resolved after eight changes."""
    lines = []
    for i in range(8):
        after = timedelta(seconds=10 * i)
        began = (START + timedelta(seconds=20 * (i // 2))).isoformat()
        change = alert("resolved" if i % 2 else "firing") | {"startsAt": began, "endsAt": (START + after).isoformat()}
        lines.append(_line(after, delivery(change, groupKey="")))
    return lines


def _made(number: int, alerts: list[str], after: timedelta = timedelta()) -> Made:
    at = (START + after).isoformat()
    return Made(
        number=number,
        title=f"made {number}",
        status="resolved",
        severity="warning",
        opened_at=at,
        resolved_at=at,
        cause=None,
        alerts=alerts,
    )


def test_an_incident_stands_beside_those_that_held_its_alerts_then() -> None:
    then = [_made(1, ["a"]), _made(2, ["b", "c"]), _made(3, ["d"]), _made(4, ["a", "b"], timedelta(hours=3))]
    assert [one.number for one in counterparts(_made(1, ["a", "b", "c"]), then)] == [2, 1]


async def test_what_was_recorded_is_replayed_beside_what_was_made_then(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tandem.db"
    database = open_database(url)
    await database.migrate()
    inbox = open_inbox(database)
    clock = Clock()
    pipeline = await Pipeline(database, inbox, clock, Rules()).prepare()
    await inbox.prepare(0)
    make = make_alert(clock)
    await pipeline.send(make(), make(service="cart"))
    await inbox.close()
    await database.close()
    log = tmp_path / "log.jsonl"
    assert await record(url, log) == (1, 2)
    then = read_made(log)
    now = await replay_file(log, Config(), parse_delivery)
    assert [one.title for one in now] == [one.title for one in then] == ["checkout is slow", "cart is slow"]
    assert [counterparts(one, then)[0].number for one in now] == [1, 2]


async def test_the_time_of_the_log_passes_and_not_ours(tmp_path: Path) -> None:
    later = _line(timedelta(days=1), delivery(alert(service="other") | {"startsAt": _NEXT_DAY}, groupKey=""))
    flapped, other = await replay_file(_log(tmp_path, *_flapping(), later), Config(), parse_delivery)
    assert flapped.resolved_at is not None
    assert timedelta(minutes=5) < datetime.fromisoformat(flapped.resolved_at) - START < timedelta(hours=1)
    assert (other.status, other.opened_at) == ("triggered", _NEXT_DAY)


async def test_the_hour_after_the_log_passes_as_well(tmp_path: Path) -> None:
    (flapped,) = await replay_file(_log(tmp_path, *_flapping()), Config(), parse_delivery)
    assert flapped.resolved_at is not None
    assert datetime.fromisoformat(flapped.resolved_at) - START > timedelta(minutes=5)


def test_the_table_can_be_read_on_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    long = _made(12, ["a"], timedelta(hours=1))
    title = "[red]HighLatency[/red] on checkout-production and 12 more alerts of other services"
    made = msgspec.structs.replace(long, title=title, status="acknowledged", cause="forecast-pool (resource)")
    print_incidents([made], [_made(1, ["a"])], Console(width=80, soft_wrap=True, markup=False), as_json=False)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    words = printed.split()
    for word in (*title.split(), "acknowledged", "warning", "(resource)", "2026-03-01", "13:00:00", "#1", "made"):
        assert word in words, "no word is cut"
