"""Entries that are too large for where they are kept are split, and nothing of them is lost."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import (
    AlertEvent,
    AlertStatus,
    Event,
    LogLine,
    LogsEvent,
    SamplesEvent,
    Series,
    decode_events,
    encode_events,
)
from bot.errors import EventTooLarge
from bot.inbox.entries import NewEntry, fitted_to, kind_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MOST = 400

_text = st.text(max_size=20)
_alerts = st.builds(lambda name: AlertEvent("test", name, AlertStatus.FIRING, {"a": name}, NOW), _text)
_series = st.builds(lambda name: Series({"name": name}, [1, 2], [0.5, 1.5]), _text)
_lines = st.builds(LogLine, st.integers(0, 2**40), _text)
_events = st.one_of(
    st.lists(_alerts, min_size=1, max_size=12),
    st.lists(_series, max_size=12).map(lambda series: [SamplesEvent("otlp", {"a": "b"}, series)]),
    st.lists(_lines, max_size=12).map(lambda lines: [LogsEvent("otlp", {"a": "b"}, lines)]),
)


def _entry(events: list[Event]) -> NewEntry:
    return NewEntry(3, "test", NOW, encode_events(events))


def _parts(entries: list[list[Event]]) -> list[object]:
    """What the events say, one by one."""
    said: list[object] = []
    for events in entries:
        for event in events:
            match event:
                case SamplesEvent(series=series):
                    said += [(event.source, event.labels, one) for one in series]
                case LogsEvent(lines=lines):
                    said += [(event.source, event.labels, one) for one in lines]
                case _:
                    said.append(event)
    return said


@given(st.lists(_events, max_size=5))
def test_split_entries_fit_and_say_the_same_in_the_same_order(deliveries: list[list[Event]]) -> None:
    fitted = fitted_to(MOST, [_entry(events) for events in deliveries])
    assert all(len(entry.payload) <= MOST for entry in fitted)
    assert {(entry.partition, entry.source, entry.received_at) for entry in fitted} <= {(3, "test", NOW)}
    assert _parts([decode_events(entry.payload) for entry in fitted]) == _parts(deliveries)


@given(_events)
def test_entries_that_fit_stay_as_they_are(events: list[Event]) -> None:
    entry = _entry(events)
    assert fitted_to(len(entry.payload), [entry]) == [entry]


def test_an_event_that_cannot_be_split_further_is_refused() -> None:
    event = AlertEvent("test", "x" * 2 * MOST, AlertStatus.FIRING, {}, NOW)
    with pytest.raises(EventTooLarge, match="one event of test has more than the 400 bytes"):
        fitted_to(MOST, [_entry([event])])


def test_the_kind_of_an_entry_is_that_of_its_events() -> None:
    samples, logs = SamplesEvent("otlp", {}, []), LogsEvent("otlp", {}, [])
    alert = AlertEvent("test", "a", AlertStatus.FIRING, {}, NOW)
    assert [kind_of(encode_events([event])) for event in (samples, logs, alert)] == ["samples", "logs", "events"]
    assert kind_of(b"not json") == "events"
