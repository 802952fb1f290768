"""``tandem replay``: what its log may say, and what time does in it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.config import Config
from bot.errors import ConfigError
from bot.replay import read_log, replay_file
from handlers.webhooks import parse_delivery
from tests.acceptance.harness import alert, delivery

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


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
        (_line(timedelta(), {"version": "4"}), "missing required field `status`"),
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


async def test_the_time_of_the_log_passes_and_not_ours(tmp_path: Path) -> None:
    later = _line(timedelta(days=1), delivery(alert(service="other"), groupKey=""))
    flapped, other = await replay_file(_log(tmp_path, *_flapping(), later), Config(), parse_delivery)
    assert flapped.resolved_at is not None
    assert timedelta(minutes=5) < flapped.resolved_at - START < timedelta(hours=1)
    assert (other.open, other.opened_at) == (True, START + timedelta(days=1))


async def test_the_hour_after_the_log_passes_as_well(tmp_path: Path) -> None:
    (flapped,) = await replay_file(_log(tmp_path, *_flapping()), Config(), parse_delivery)
    assert flapped.resolved_at is not None
    assert flapped.resolved_at - START > timedelta(minutes=5)
