"""Large deliveries are cut into small entries, and a batch takes what its time allows."""

from datetime import UTC, datetime

import pytest

from bot.domain.event import AlertEvent, AlertStatus, Event, LogLine, LogsEvent, SamplesEvent, Series
from bot.inbox.entries import MOST_WEIGHT, Entry, in_small_parts, weight_of
from bot.inbox.intake import entries_for
from bot.pipeline.size import LEAST, MOST, MOST_ENTRIES, ONE, TARGET, BatchSize

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _alerts(count: int) -> list[Event]:
    return [AlertEvent("x", str(number), AlertStatus.FIRING, {"n": str(number)}, NOW) for number in range(count)]


def _samples(count: int) -> SamplesEvent:
    return SamplesEvent("x", {}, [Series({"n": str(number)}, [1], [1.0]) for number in range(count)])


def _logs(count: int) -> LogsEvent:
    return LogsEvent("x", {}, [LogLine(number, "text") for number in range(count)])


@pytest.mark.parametrize("events", [_alerts(1), _alerts(1000), [_samples(15_000)], [_logs(9000)], [*_alerts(30)]])
def test_events_are_cut_into_parts_of_bounded_weight_and_none_is_lost(events: list[Event]) -> None:
    parts = list(in_small_parts(events))
    assert all(sum(map(weight_of, part)) <= MOST_WEIGHT for part in parts)
    flat = [event for part in parts for event in part]
    match events[0]:
        case SamplesEvent(series=whole):
            assert [one for event in flat if isinstance(event, SamplesEvent) for one in event.series] == whole
        case LogsEvent(lines=lines):
            assert [one for event in flat if isinstance(event, LogsEvent) for one in event.lines] == lines
        case _:
            assert flat == events


def test_a_delivery_of_ten_thousand_alerts_becomes_many_entries_in_order() -> None:
    entries = entries_for(_alerts(10_000), "x", NOW, [], 16)
    assert len(entries) == 10_000 // MOST_WEIGHT
    assert {entry.partition for entry in entries} == {entries[0].partition}


def _entries(count: int, weight: int) -> list[Entry]:
    return [Entry(seq, NOW, _alerts(weight)) for seq in range(1, count + 1)]


def test_a_batch_takes_as_many_entries_as_fit_and_always_one() -> None:
    found = _entries(200, 25)
    assert len(BatchSize(200, 100).fitted(found)) == 4
    assert len(BatchSize(200, 10).fitted(found)) == 1
    assert len(ONE.fitted(found)) == 1
    assert BatchSize(200, 100).fitted([]) == []


def test_a_slow_transaction_makes_the_next_one_smaller_and_a_quick_one_larger() -> None:
    size = BatchSize(200, 400)
    for _ in range(10):
        size = size.after(size.fitted(_entries(size.entries, 25)), seconds=TARGET * 5)
    assert size.most == LEAST
    assert size.entries <= 2 * LEAST / 25 + 25  # what is not taken need not be read
    for _ in range(10):
        size = size.after(size.fitted(_entries(size.entries, 25)), seconds=TARGET / 10)
    assert size.most == MOST


def test_single_alerts_are_taken_many_at_a_time_again_after_large_entries() -> None:
    size = BatchSize(200, 400)
    for weight in (25, 25, 1, 1, 1, 1, 1):
        size = size.after(size.fitted(_entries(size.entries, weight)), seconds=TARGET / 10)
    assert size.entries == MOST_ENTRIES


def test_alerts_that_come_one_by_one_fill_a_transaction_as_those_do_that_come_together() -> None:
    size = BatchSize()
    for _ in range(5):
        size = size.after(size.fitted(_entries(size.entries, 1)), seconds=TARGET / 10)
    assert len(size.fitted(_entries(size.entries, 1))) == MOST
