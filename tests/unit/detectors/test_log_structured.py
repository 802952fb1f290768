"""Structured lines are known by their message, and a stack trace is one event, whichever way its lines come."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import LogLine
from detectors.logs import Miner, Stream
from detectors.logs.fields import statement_of
from detectors.logs.traces import event_of
from tests.benchmarks.loghub import accuracy, group
from tests.benchmarks.made.logs import KINDS, lines_of
from tests.unit.watches.log_flows import MINUTE, START

HOUR, WEEK = 3600.0, 7 * 86_400.0

MESSAGES = {
    "zap": '{"level":"info","ts":1700000000.12,"caller":"api/order.go:17","msg":"cart saved","user":"u-17"}',
    "Logstash": '{"@timestamp":"2026-01-02T03:04:05Z","level":"INFO","logger_name":"a.B","message":"cart saved"}',
    "Elastic Common Schema": '{"@timestamp":"2026-01-02T03:04:05Z","log.level":"info","message":"cart saved"}',
    "pino": '{"level":30,"time":1700000000000,"pid":17,"hostname":"web-1","msg":"cart saved"}',
    "structlog": '{"event":"cart saved","level":"info","order":17}',
    "GELF": '{"version":"1.1","host":"web-1","short_message":"cart saved","level":6}',
    "Docker around JSON": json.dumps({"log": '{"level":"info","msg":"cart saved"}\n', "stream": "stdout"}),
    "Docker around text": json.dumps({"log": "cart saved\n", "stream": "stdout"}),
    "nested": '{"log":{"level":"info","message":"cart saved"},"trace":{"id":"ab"}}',
    "logfmt": 'ts=2026-01-02T03:04:05Z level=info caller=order.go:17 msg="cart saved" user=ann',
    "logfmt of one word": "level=info user=ann msg=cart",
}


@pytest.mark.parametrize("style", MESSAGES)
def test_a_structured_line_is_known_by_its_message(style: str) -> None:
    assert statement_of(MESSAGES[style]).strip() in ("cart saved", "cart")


def test_fields_beside_the_message_and_their_order_make_no_difference() -> None:
    miner = Miner()
    one = miner.add('{"msg":"cart saved in 17 ms","level":"info","user":"ann"}')
    assert miner.add('{"trace_id":"4bf92f3577b34da6","level":"info","msg":"cart saved in 3 ms"}') == one
    assert miner.add('{"msg":"cart lost in 3 ms","level":"info","user":"ann"}') != one
    assert miner.text(one) == "cart saved in <*>"


def test_the_error_beside_the_message_tells_two_faults_apart() -> None:
    miner = Miner()
    faults = ("disk full", "10.0.0.7 refused", "10.0.0.8 refused")
    lines = [f'level=error msg="save failed" err="{fault}"' for fault in faults]
    full, refused, again = map(miner.add, lines)
    assert full != refused == again


@pytest.mark.parametrize("level", ['"error"', '"FATAL"', "50"])
def test_the_level_of_a_structured_line_still_says_that_it_is_an_error(level: str) -> None:
    stream = Stream(HOUR, WEEK)
    stream.add([LogLine(START, "begin")], START)
    line = f'{{"level":{level},"msg":"cannot reach the store"}}'
    stream.add([LogLine(START + MINUTE, line)], START + MINUTE)
    closed = list(stream.close(START + 5 * MINUTE))
    assert sum(sum(one.errors.values()) for one in closed) == 1


def test_a_line_cut_in_its_middle_is_known_by_its_message_too() -> None:
    assert statement_of('{"ts":17,"msg":"cart \\"main\\" saved","user":{"na') == 'cart "main" saved'


def test_a_long_message_far_back_in_a_line_counts() -> None:
    miner = Miner()
    lines = [json.dumps({"request": "x" * size, "msg": "cart saved"}) for size in (10, 3000, 7000)]
    assert len(set(map(miner.add, lines))) == 1


def test_an_object_without_a_message_is_known_by_the_names_of_its_fields() -> None:
    miner = Miner()
    one = miner.add('{"method":"GET","status":200,"http":{"path":"/a/b/c"}}')
    assert miner.add('{"status":404,"http":{"path":"/x/y"},"method":"GET"}') == one
    assert miner.add('{"method":"GET","status":200,"bytes":17}') != one


@pytest.mark.parametrize(
    "line", ["{}", "{", "{]", "[1]", "{a: b}", '{"a":' * 5000, "a=1 msg=", "msg=x", "user logged in msg=x"]
)
def test_what_is_not_structured_stays_as_it_is(line: str) -> None:
    assert statement_of(line) == line


@given(
    st.recursive(
        st.none() | st.text() | st.floats() | st.integers(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
    )
)
def test_any_object_has_a_statement(value: object) -> None:
    assert isinstance(statement_of(json.dumps({"msg": value, "a": value})), str)


JAVA = """order 7 failed
java.lang.IllegalStateException: not saved
\tat org.example.Shop.place(Shop.java:17)
\tat org.example.Shop.main(Shop.java:3)
Caused by: java.net.ConnectException: refused
\tat java.net.Socket.connect(Socket.java:1)
\t... 2 more"""
PYTHON = """order 7 failed
Traceback (most recent call last):
  File "/app/shop.py", line 17, in place
    save(order)
          ^^^^^
KeyError: 'price'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/shop.py", line 3, in main
    place()
shop.errors.NotSaved: order 7"""
GO = """order 7 failed: panic: runtime error: index out of range [7] with length 3
goroutine 17 [running]:
main.place(0xc000012345, 0x7)
\t/app/shop.go:17 +0x1d
main.main()
\t/app/shop.go:3 +0x20"""
NODE = """Error: order 7 failed
    at Shop.place (/app/shop.js:17:9)
    at async main (/app/shop.js:3:1)"""
TRACES = {"Java": JAVA, "Python": PYTHON, "Go": GO, "JavaScript": NODE}


def lines_counted(texts: list[str], severity: str = "ERROR") -> list[str]:
    stream = Stream(HOUR, WEEK)
    stream.add([LogLine(START, "begin")], START)
    stream.add([LogLine(START + MINUTE, text, severity) for text in texts], START + MINUTE)
    closed = list(stream.close(START + 5 * MINUTE))
    return [
        stream.miner.text(template) for one in closed for template, count in one.lines.items() for _ in range(count)
    ]


@pytest.mark.parametrize("language", TRACES)
def test_a_trace_that_comes_line_by_line_counts_as_one_event(language: str) -> None:
    counted = lines_counted([*TRACES[language].splitlines(), "order 8 is done and was sent"])
    assert len(counted) == 2 and "failed" in counted[0] and counted[1] == "order <*> is done and was sent"


def test_a_trace_in_python_without_a_line_before_it_counts_by_its_error() -> None:
    assert lines_counted(["all is well", *PYTHON.splitlines()[1:6], "all is well"], "INFO") == [
        "all is well",
        "all is well",
        "KeyError: <*>",
    ]


def test_errors_without_a_trace_each_count() -> None:
    assert len(lines_counted([f"ValueError: {n} is no price" for n in range(10)])) == 10
    assert len(lines_counted([f"order {n} failed" for n in range(10)])) == 10


def test_indented_lines_that_belong_to_no_trace_count() -> None:
    assert len(lines_counted(["  disk at 17 %", "\tmemory at 3 %", "  swap at 0 % now"])) == 3


@pytest.mark.parametrize("language", TRACES)
def test_the_way_to_a_fault_makes_no_difference_to_a_trace_in_one_record(language: str) -> None:
    trace = TRACES[language]
    frames = [line for line in trace.splitlines() if line.startswith((" ", "\t"))]
    longer = trace.replace(frames[0], "\n".join([frames[0], *frames[:2] * 3]))
    miner = Miner()
    assert miner.add(trace) == miner.add(longer) != miner.add("order 7 is done")


def test_the_cause_of_a_trace_tells_two_faults_apart() -> None:
    miner = Miner()
    assert miner.add(JAVA) != miner.add(JAVA.replace("ConnectException: refused", "UnknownHostException: store"))
    assert miner.add(PYTHON) != miner.add(PYTHON.replace("NotSaved", "Sold"))


def test_text_of_several_lines_that_is_no_trace_stays_whole() -> None:
    text = "tables:\n  orders 17\n  carts 3"
    assert event_of(text) == text


@given(st.text(st.sampled_from(' \t\nat:."File,line1Caused by#()Traceback (most recent call last)'), max_size=200))
def test_any_text_of_several_lines_is_an_event(text: str) -> None:
    assert isinstance(event_of(text), str)


@pytest.mark.parametrize("kind", KINDS)
def test_made_lines_of_hard_kinds_are_grouped_by_their_statement(kind: str) -> None:
    made = lines_of(kind, seed=1, count=1000)
    assert accuracy(group([line for line, _ in made]), [statement for _, statement in made]) > 0.95


def learnt_before(texts: list[str]) -> dict[str, Any]:
    """The state of a stream as the version before wrote it, after four hours of these lines each minute."""
    stream = Stream(HOUR, WEEK)
    for minute in range(240):
        stream.add([LogLine(START + minute * MINUTE, text) for text in texts], START + minute * MINUTE)
        list(stream.close(stream.clock()))
    state = stream.state()
    del state["miner"]["rules"]
    for template, text in zip(state["miner"]["templates"], texts, strict=True):
        template[1] = [text]
    return json.loads(json.dumps(state))  # type: ignore[no-any-return]


@pytest.mark.parametrize("text", [MESSAGES["zap"], MESSAGES["logfmt"], "at org.example.Shop.main(Shop.java:3)"])
def test_what_the_version_before_learnt_of_such_lines_is_learnt_anew_without_an_alert(text: str) -> None:
    stream, before = Stream(HOUR, WEEK), learnt_before(["all is well", text])
    stream.restore(before)
    found = []
    for minute in range(240, 480):
        line = LogLine(START + minute * MINUTE, text.lstrip("at "))
        stream.add([LogLine(START + minute * MINUTE, "all is well"), line], START + minute * MINUTE)
        found += [finding for closed in stream.close(stream.clock()) for finding in closed.findings]
    assert found == []
    assert stream.miner.add("something new") > before["miner"]["ids"]


def test_what_the_version_before_learnt_of_other_lines_is_kept() -> None:
    stream = Stream(HOUR, WEEK)
    stream.restore(learnt_before(["all is well", "nothing to be done"]))
    assert len(stream.miner) == 2
