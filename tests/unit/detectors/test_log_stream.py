"""A stream of lines is cut into windows by the time that lines tell, also where clocks and senders are not right."""

import json
from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import LogLine
from detectors.logs import Closed, Finding, Stream
from detectors.logs.levels import speaks_of_errors
from detectors.logs.stream import LOST_MS, MOST_TEMPLATES, WINDOW_MS
from tests.unit.watches.log_flows import MINUTE, START, normal

HOUR, WEEK = 3600.0, 7 * 86_400.0


def new_stream() -> Stream:
    return Stream(HOUR, WEEK)


def steady(minute: int, count: int = 10, text: str = "job {} done") -> list[LogLine]:
    return [LogLine(START + minute * MINUTE + n * 1000, text.format(n)) for n in range(count)]


def feed(stream: Stream, lines: list[LogLine], received: int) -> list[Closed]:
    stream.add(lines, received)
    return list(stream.close(stream.clock()))


def run(stream: Stream, minutes: Iterable[int], count: int = 10) -> list[Closed]:
    return [one for minute in minutes for one in feed(stream, steady(minute, count), START + (minute + 1) * MINUTE)]


def counts(closed: list[Closed]) -> list[int]:
    return [sum(one.lines.values()) for one in closed]


def found(closed: list[Closed]) -> list[Finding]:
    return [finding for one in closed for finding in one.findings]


def test_a_window_is_over_when_a_line_is_half_a_minute_behind_it() -> None:
    stream = new_stream()
    run(stream, [0])
    stream.add(steady(1), START + 2 * MINUTE)
    stream.add([LogLine(START + 2 * MINUTE + 29_999, "job 1 done")], START + 3 * MINUTE)
    assert counts(list(stream.close(stream.clock()))) == []
    stream.add([LogLine(START + 2 * MINUTE + 30_000, "job 1 done")], START + 3 * MINUTE)
    assert counts(list(stream.close(stream.clock()))) == [10]


def test_a_window_is_over_by_the_clock_where_no_line_comes() -> None:
    stream = new_stream()
    run(stream, [0, 1])
    received = START + 2 * MINUTE
    assert counts(list(stream.close(stream.clock(received)))) == []
    assert counts(list(stream.close(stream.clock(received + 3 * MINUTE)))) == [10, 0]


@given(st.permutations(range(20)))
def test_the_order_of_lines_makes_no_difference(order: list[int]) -> None:
    stream, lines = new_stream(), steady(1, 20)
    run(stream, [0])
    assert counts(feed(stream, [lines[n] for n in order] + steady(3), START + 4 * MINUTE)) == [20]


def test_a_late_line_counts_nowhere_and_is_not_unseen_afterwards() -> None:
    stream = new_stream()
    run(stream, range(200))
    late = [LogLine(START + 100 * MINUTE, "something else was read from disk")]
    assert found(feed(stream, late, START + 200 * MINUTE)) == []
    again = [LogLine(START + 201 * MINUTE, "something else was read from disk")]
    assert found(feed(stream, again, START + 202 * MINUTE) + run(stream, range(202, 206))) == []
    assert stream.late == 1


def test_a_time_in_the_future_counts_as_the_moment_of_receipt() -> None:
    stream = new_stream()
    run(stream, [0])
    ahead = [LogLine(START + 500 * MINUTE, "job 1 done"), LogLine(-5, "job 2 done")]
    stream.add(ahead, START + MINUTE + 1000)
    assert counts(run(stream, [1, 2, 3])) == [12]


def test_a_clock_that_is_set_back_is_followed_in_the_end() -> None:
    stream = new_stream()
    run(stream, range(10))
    back = [
        one
        for minute in range(10, 30)
        for one in feed(stream, steady(minute - 600), START + minute * MINUTE)
        + list(stream.close(stream.clock(START + minute * MINUTE)))
    ]
    assert LOST_MS == 10 * MINUTE
    assert counts(back)[-5:] == [10] * 5 and found(back) == []


def test_what_nobody_was_there_to_see_is_stepped_over() -> None:
    stream = new_stream()
    run(stream, range(300))
    now = START + 900 * MINUTE
    stream.skip(now, 2 * MINUTE)
    assert list(stream.close(stream.clock(now))) == []
    after = run(stream, range(900, 920))
    assert found(after) == [] and set(counts(after)) == {10}


def test_an_absurd_jump_of_lines_does_not_make_a_window_for_each_minute_of_it() -> None:
    stream = new_stream()
    run(stream, range(10))
    far = [LogLine(START + 5_000_000 * MINUTE, "job 1 done")]
    assert len(feed(stream, far, START + 5_000_000 * MINUTE)) <= 2


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (steady(300, 200), "rate"),
        ([*steady(300), LogLine(START + 300 * MINUTE, "disk of the replica is full")], "unseen"),
        (steady(300) + steady(300, 30, "error {} on write"), "burst"),
    ],
)
def test_the_abnormal_is_found(lines: list[LogLine], kind: str) -> None:
    stream = new_stream()
    assert found(run(stream, range(300))) == []
    closed = feed(stream, lines, START + 301 * MINUTE) + run(stream, range(301, 303))
    assert kind in {finding.kind for finding in found(closed)}


def test_a_template_that_comes_no_more_is_found_by_the_clock() -> None:
    stream = new_stream()
    run(stream, range(300))
    now = START + 320 * MINUTE
    (only,) = found(list(stream.close(stream.clock(now))))
    assert only.kind == "stopped"


def test_lines_of_a_level_or_with_the_words_of_an_error_are_errors() -> None:
    stream = new_stream()
    run(stream, [0])
    lines = [
        LogLine(START + MINUTE, "it did not work", "ERROR"),
        LogLine(START + MINUTE, "connection to db refused"),
        LogLine(START + MINUTE, "connection refused, as was asked for", "INFO"),
        LogLine(START + MINUTE, "all went well"),
    ]
    (closed,) = feed(stream, [*lines, *steady(3)], START + 4 * MINUTE)
    assert sum(closed.errors.values()) == 2


@pytest.mark.parametrize("text", ["0 errors", "finished without any errors", "no failures", "terror", "errand"])
def test_what_only_sounds_like_an_error_is_none(text: str) -> None:
    assert not speaks_of_errors(text)


def test_a_stream_goes_on_from_its_state_as_if_nothing_had_happened() -> None:
    stream, restored, write = new_stream(), new_stream(), normal(3)
    for minute in range(200):
        feed(stream, write(minute), START + (minute + 1) * MINUTE)
    restored.restore(json.loads(json.dumps(stream.state())))
    for minute in range(200, 230):
        lines = [*write(minute), *steady(minute, 50)]
        one, other = (feed(each, lines, START + (minute + 1) * MINUTE) for each in (stream, restored))
        assert one == other
    assert restored.state() == stream.state()


def test_the_state_is_bounded_whatever_comes() -> None:
    stream, random = new_stream(), Random(1)
    for minute in range(30):
        words = ["".join(random.choices("ghijklmnopqrstuvwxyz", k=9)) for _ in range(1500)]
        texts = [" ".join(words[n : n + 3]) for n in range(0, 1500, 3)]
        feed(stream, [LogLine(START + minute * MINUTE, text) for text in texts], START + (minute + 1) * MINUTE)
    assert len(stream.miner) <= MOST_TEMPLATES and len(stream.samples) <= 2 * MOST_TEMPLATES
    assert len(json.dumps(stream.state())) < 300_000


@given(st.lists(st.tuples(st.integers(-(2**40), 2**62), st.text(max_size=50), st.sampled_from(["", "INFO", "ERROR"]))))
def test_nothing_that_lines_hold_does_harm(lines: list[tuple[int, str, str]]) -> None:
    stream = new_stream()
    for n, (time, text, severity) in enumerate(lines):
        feed(stream, [LogLine(time, text, severity)], START + n * WINDOW_MS)
    assert all(finding.score <= 1.0 for finding in found(list(stream.close(START + 10**7))))


def test_a_line_of_a_megabyte_and_binary_are_lines_like_others() -> None:
    stream = new_stream()
    run(stream, [0])
    texts = ["x" * 2**20, "\x00\x01\udcff" * 1000, "word " * 200_000]
    (closed,) = feed(stream, [LogLine(START + MINUTE, text) for text in texts] + steady(3), START + 4 * MINUTE)
    assert sum(closed.lines.values()) == 3
    assert all(len(sample) <= 500 for sample in stream.samples.values())
