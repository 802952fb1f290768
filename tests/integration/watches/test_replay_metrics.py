"""``tandem replay`` of metrics: the same rules make the same incidents, and the end of a log is nobody's silence."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.commands.parts.recording import Made, record
from bot.commands.parts.replay import read_made, replay_file
from bot.config import Config
from bot.domain.watched.telemetry import MetricRules
from bot.inbox.inbox import open_inbox
from bot.storage.database import open_database
from handlers.http.endpoint import parse_delivery
from tests.conftest import Clock
from tests.integration.watches.metrics_driver import Metrics, flowing, labels, noise, rules

STAYS = (labels(1, service="cart"), noise(1))
CONFIG = Config(metrics=MetricRules.model_validate(rules().metrics.model_dump()))


async def recorded(folder: Path, clock: Clock, minutes: int, silent: int, alone: int = 0) -> Path:
    """A log of two series, of which one stops for so many minutes; then nothing comes for ``alone`` minutes."""
    url = f"sqlite:///{folder}/tandem.db"
    database = open_database(url)
    await database.migrate()
    inbox = open_inbox(database)
    await inbox.prepare(0)
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), noise(2)), STAYS])
    await metrics.minutes(minutes)
    await _fall_silent(metrics, silent, alone)
    await inbox.close()
    await database.close()
    log = folder / "log.jsonl"
    await record(url, log)
    return log


async def _fall_silent(metrics: Metrics, silent: int, alone: int) -> None:
    metrics.flows = [STAYS]
    await metrics.minutes(silent)
    for _ in range(alone):
        await metrics.pass_(minutes=1)


def facts(incidents: list[Made]) -> list[tuple[str, str, list[str]]]:
    return [(one.title, one.status, one.alerts) for one in incidents]


async def test_what_ends_with_the_log_is_not_missed(tmp_path: Path, clock: Clock) -> None:
    log = await recorded(tmp_path, clock, minutes=5, silent=0)
    assert read_made(log) == []
    assert await replay_file(log, CONFIG, parse_delivery) == []
    without_made = tmp_path / "deliveries.jsonl"
    without_made.write_bytes(b"".join(line for line in log.open("rb") if not line.startswith(b'{"made"')))
    assert await replay_file(without_made, CONFIG, parse_delivery) == []


@pytest.mark.parametrize(("silent", "alone"), [(8, 0), (0, 8), (8, 5)])
async def test_what_was_missed_then_is_missed_again_and_nothing_else(
    tmp_path: Path, clock: Clock, silent: int, alone: int
) -> None:
    log = await recorded(tmp_path, clock, minutes=5, silent=silent, alone=alone)
    then = read_made(log)
    assert then, "something was missed"
    assert facts(await replay_file(log, CONFIG, parse_delivery)) == facts(then)


async def test_time_ticks_also_where_deliveries_come_close_upon_each_other(tmp_path: Path) -> None:
    """Every 20 seconds; a series stops, which only a tick can notice."""
    start, lines = datetime(2026, 3, 1, 12, tzinfo=UTC), []
    for step in range(3 * 60):
        at = start + timedelta(seconds=20 * step)
        flows = [(labels(), noise(2)), STAYS] if step < 2 * 60 else [STAYS]
        series = [{"labels": dict(names), "times": [int(at.timestamp() * 1000)], "values": [1.0]} for names, _ in flows]
        event = {"kind": "samples", "source": "prometheus", "labels": {}, "series": series}
        lines.append(json.dumps({"received_at": at.isoformat(), "source": "prometheus", "events": [event]}))
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(lines))
    [missed] = await replay_file(log, CONFIG, parse_delivery)
    assert "sends no metrics" in missed.title or missed.title == "Metrics missing"
