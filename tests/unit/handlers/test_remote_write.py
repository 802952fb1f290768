"""What is in a delivery of Prometheus remote write, and what is left of it."""

import math
import struct
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import Event, SamplesEvent
from bot.domain.rules import CorrelationRules, Rules
from bot.domain.watched.telemetry import MetricRules, WatchedSeries
from handlers.http.body import Unreadable
from handlers.sources.registry import Malformed
from handlers.telemetry import gathering
from handlers.telemetry.gathering import (
    AHEAD_MS,
    MOST_LABEL_BYTES,
    MOST_LABELS,
    Gathering,
    LeftOut,
    Watching,
)
from handlers.telemetry.remote_write import gather, series_decision, unpack
from handlers.telemetry.remote_write_pb2 import Label, Sample, TimeSeries, WriteRequest

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
WATCHED = {"__name__": "up", "cluster": "eu", "service": "checkout"}

Pairs = list[tuple[str, str]]


def rules(*matchers: str) -> Rules:
    watch = {"some": WatchedSeries.model_validate({"match": list(matchers)})} if matchers else {}
    return Rules(correlation=CorrelationRules(partition_by=["cluster"]), metrics=MetricRules(watch=watch))


def series(labels: Mapping[str, str] | Pairs, *samples: tuple[int, float]) -> TimeSeries:
    pairs = labels if isinstance(labels, list) else list(labels.items())
    return TimeSeries(
        labels=[Label(name=name, value=value).SerializeToString() for name, value in pairs],
        samples=[Sample(timestamp=time, value=value) for time, value in samples],
    )


def taken(*sent: TimeSeries, matchers: tuple[str, ...] = ("service=checkout",)) -> Gathering:
    watching = Watching(rules(*matchers))
    return gather(WriteRequest(timeseries=sent).SerializeToString(), NOW, series_decision(watching))


def events(found: Gathering) -> list[Event]:
    return found.events("prometheus", ["cluster"])


def test_what_is_watched_is_kept_as_it_was_sent_duplicates_and_disorder_too() -> None:
    sent = [(NOW_MS, 1.5), (NOW_MS, 1.5), (NOW_MS - 60_000, -0.0), (NOW_MS - 30_000, 1e300)]
    [event] = events(taken(series(WATCHED, *sent)))
    assert isinstance(event, SamplesEvent)
    assert (event.source, event.labels) == ("prometheus", {"cluster": "eu"})
    [kept] = event.series
    assert (kept.labels, list(zip(kept.times, kept.values, strict=True))) == (WATCHED, sent)


def test_what_nobody_watches_is_counted_and_dropped() -> None:
    found = taken(series({"__name__": "up", "service": "cart"}, (NOW_MS, 1), (NOW_MS, 2)))
    assert (events(found), found.kept, found.left_out) == ([], 0, Counter({LeftOut.UNWATCHED: 2}))


def test_the_calls_between_services_are_kept_though_nobody_watches_them() -> None:
    labels = {"__name__": "traces_service_graph_request_total", "client": "cart", "server": "payments"}
    [event] = events(taken(series(labels, (NOW_MS, 7)), matchers=()))
    assert isinstance(event, SamplesEvent)
    assert event.series[0].labels == labels


def test_domains_that_never_meet_are_events_of_their_own() -> None:
    sent = [series({**WATCHED, "cluster": cluster}, (NOW_MS, 1)) for cluster in ("eu", "us", "eu")]
    kept = [(event.labels, len(event.series)) for event in events(taken(*sent)) if isinstance(event, SamplesEvent)]
    assert kept == [({"cluster": "eu"}, 2), ({"cluster": "us"}, 1)]


@pytest.mark.parametrize("value", [math.nan, STALE, math.inf, -math.inf])
def test_what_is_no_finite_number_is_left_out_and_is_no_fault_of_the_sender(value: float) -> None:
    found = taken(series(WATCHED, (NOW_MS, value), (NOW_MS, 1)))
    assert (found.kept, found.left_out, found.rejected) == (1, Counter({LeftOut.NOT_FINITE: 1}), 0)


@pytest.mark.parametrize("time", [0, -1, -(2**63), NOW_MS + AHEAD_MS + 1, 2**63 - 1])
def test_a_sample_from_before_1970_or_the_future_is_rejected_and_the_others_kept(time: int) -> None:
    found = taken(series(WATCHED, (time, 1), (NOW_MS + AHEAD_MS, 2)))
    assert (found.kept, found.rejected, found.left_out) == (1, 1, Counter({LeftOut.OUT_OF_BOUNDS: 1}))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([*WATCHED.items(), ("service", "cart")], "'service' is there twice"),
        ([*WATCHED.items(), ("", "x")], "no name"),
        ([*WATCHED.items(), *((f"l{i}", "x") for i in range(MOST_LABELS))], f"than the {MOST_LABELS}"),
        ([*WATCHED.items(), ("long", "x" * 20_000)], "longer than"),
    ],
    ids=["twice", "nameless", "many", "long"],
)
def test_labels_that_the_protocol_does_not_allow_reject_their_series_alone(labels: Pairs, said: str) -> None:
    found = taken(series(labels, (NOW_MS, 1), (NOW_MS, 2)), series(WATCHED, (NOW_MS, 3)))
    assert (found.kept, found.rejected, found.left_out) == (1, 2, Counter({LeftOut.INVALID: 2}))
    assert said in found.first_reason


def test_a_label_without_a_value_is_as_good_as_absent_and_what_no_database_holds_is_replaced() -> None:
    [event] = events(taken(series([*WATCHED.items(), ("zone", ""), ("path", "a\x00b")], (NOW_MS, 1))))
    assert isinstance(event, SamplesEvent)
    assert event.series[0].labels == {**WATCHED, "path": "a\N{REPLACEMENT CHARACTER}b"}


def test_more_samples_than_are_taken_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_AT_ONCE", 1000)
    assert taken(series({"__name__": "up"}, *[(NOW_MS, 1.0)] * 1000)).left_out == Counter({LeftOut.UNWATCHED: 1000})
    with pytest.raises(Unreadable, match="1000 samples") as refused:
        taken(series({"__name__": "up"}, *[(NOW_MS, 1.0)] * 1001))
    assert refused.value.status == 413


def test_what_would_fill_the_intake_for_ever_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    long = {**WATCHED, "long": "x" * (MOST_LABEL_BYTES - 100)}
    monkeypatch.setattr(gathering, "MOST_KEPT_BYTES", 100_000)
    with pytest.raises(Unreadable, match="100000 bytes") as refused:
        taken(*[series(long, (NOW_MS, 1))] * 30)
    assert refused.value.status == 413


def test_series_without_samples_are_bounded_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_AT_ONCE", 1000)
    with pytest.raises(Unreadable):
        gather(b"\x0a\x00" * 1001, NOW, series_decision(Watching(rules())))


def test_what_is_known_of_a_series_is_not_decided_twice() -> None:
    decide = series_decision(Watching(rules("service=checkout")))
    labels = series(WATCHED).SerializeToString()
    assert decide(labels) is decide(labels)


PACKED = bytes(cramjam.snappy.compress_raw(WriteRequest(timeseries=[series(WATCHED, (NOW_MS, 1))]).SerializeToString()))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([WATCHED, {**WATCHED, "service": "cart"}, {}]),
            st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1) | st.just(NOW_MS), st.floats()), max_size=5),
        ),
        max_size=5,
    )
)
def test_every_sample_is_kept_as_it_is_or_counted(sent: list[tuple[dict[str, str], list[tuple[int, float]]]]) -> None:
    found = taken(*[series(labels, *samples) for labels, samples in sent])
    kept = [event for event in events(found) if isinstance(event, SamplesEvent)]
    pairs = [pair for event in kept for one in event.series for pair in zip(one.times, one.values, strict=True)]
    assert len(pairs) == found.kept
    assert found.kept + sum(found.left_out.values()) == sum(len(samples) for _, samples in sent)
    assert all(math.isfinite(value) and 0 < time <= NOW_MS + AHEAD_MS for time, value in pairs)


def _read(packed: bytes) -> Gathering | None:
    """None where it is refused as malformed or too large; whatever else happens is the server's fault."""
    try:
        return gather(unpack(packed, 2**16), NOW, series_decision(Watching(rules("service=checkout"))))
    except (Malformed, Unreadable):
        return None


@given(st.binary(max_size=200))
def test_noise_is_malformed(body: bytes) -> None:
    _read(body)
    _read(bytes(cramjam.snappy.compress_raw(body)))


@given(st.integers(0, len(PACKED) - 1))
def test_a_delivery_that_is_cut_off_is_malformed(at: int) -> None:
    assert _read(PACKED[:at]) is None


@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
def test_a_delivery_with_a_flipped_byte_is_read_or_malformed(at: int, flip: int) -> None:
    _read(PACKED[:at] + bytes([PACKED[at] ^ flip]) + PACKED[at + 1 :])


def test_a_bomb_is_refused_by_what_it_says_of_its_size_without_being_unpacked() -> None:
    bomb = bytes(cramjam.snappy.compress_raw(bytes(10 * 2**20)))
    for packed in (bomb, b"\xff\xff\xff\xff\x0f"):
        with pytest.raises(Unreadable) as refused:
            unpack(packed, 2**20)
        assert refused.value.status == 413


def test_a_label_that_is_no_text_is_malformed() -> None:
    broken = TimeSeries(labels=[b"\x0a\x02\xff\xfe"], samples=[Sample(timestamp=NOW_MS, value=1)])
    with pytest.raises(Malformed, match="label"):
        taken(broken)
