"""Lines of further writers: errors in fields of their own, other languages' traces, hosts with their addresses."""

import json

import pytest

from detectors.logs import Miner
from detectors.logs.fields import statement_of
from detectors.logs.traces import Traces
from tests.benchmarks.loghub import accuracy, group
from tests.benchmarks.made.logs import KINDS, lines_of

PYTHON = 'Traceback (most recent call last):\n  File "/app/{}.py", line {}, in f\n    g()\n{}'
JAVA = "a.NullPointer: x\n\tat a.{}(F.java:{})\nCaused by: {}\n\t... 3 more"


@pytest.mark.parametrize("name", ["exception", "exc_info", "stack_trace", "traceback"])
def test_an_error_is_known_by_what_was_raised_and_not_by_the_word_traceback(name: str) -> None:
    lines = [
        json.dumps({"level": "error", "event": "job failed", name: PYTHON.format(file, line, error)})
        for file, line, error in [("a", 1, "KeyError: 'x'"), ("b", 22, "KeyError: 'x'"), ("a", 1, "OSError: full")]
    ]
    assert [statement_of(line) for line in lines[::2]] == [
        "ERROR job failed error=KeyError: 'x'",
        "ERROR job failed error=OSError: full",
    ]
    first, same, other = group(lines)
    assert first == same != other


def test_a_stack_that_is_frames_only_says_nothing() -> None:
    frames = "main.serve\n\t/app/main.go:17\nmain.main\n\t/app/main.go:3"
    assert statement_of(json.dumps({"level": "error", "msg": "write failed", "stacktrace": frames})) == (
        "ERROR write failed"
    )
    trace = JAVA.format("B", 7, "c.Full: disk")
    line = json.dumps({"message": "not saved", "stack_trace": trace})
    assert statement_of(line) == "not saved error=NullPointer: x Full: disk"


def test_a_group_of_exceptions_line_by_line_is_one_event() -> None:
    lines = lines_of("python_group", count=1)[0][0].splitlines()
    traces = Traces()
    assert not traces.goes_on("job 7 failed", 0)
    traces.error_came("job 7 failed", 0)
    assert [traces.goes_on(line, 1) for line in lines] == [True] * len(lines)
    assert not traces.goes_on("job 8 is done", 2)
    alone = Traces()
    begins = [line for line in lines if not alone.goes_on(line, 1)]
    assert begins == ["  | ExceptionGroup: many (2 sub-exceptions)"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connect from mail.example.org[10.0.0.7]", "connect from unknown[10.1.2.3]"),
        ("zml-q/10.0.0.7: connection timed out", "db/10.9.8.7: connection timed out"),
        ("no route to shop-db/10.0.0.7:5432 now", "no route to cache/10.0.0.8:6379 now"),
    ],
)
def test_a_host_with_its_address_is_one_value(one: str, other: str) -> None:
    miner = Miner()
    assert miner.add(one) == miner.add(other)


def test_words_that_vary_together_are_variables_and_statements_that_differ_are_not() -> None:
    names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"]
    moved = [f"file list changed owner from {a} to {b}" for a, b in zip(names, reversed(names), strict=True)]
    assert len(set(group([*moved, *moved]))) == 1
    units = ["Network", "Login", "Storage", "Printing", "Sound", "Time", "Mail", "Web"]
    verbs = ["Started", "Stopped", "Reloaded", "Failed", "Masked", "Skipped", "Queued", "Reached"]
    states = [f"unit: {verb} {unit} service" for verb, unit in zip(verbs, units, strict=True)]
    assert len(set(group([*states, *states]))) == len(states)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("cluster", "json", "logfmt")])
def test_every_made_trace_is_grouped_by_its_error(kind: str) -> None:
    made = lines_of(kind, seed=3, count=300)
    assert accuracy(group([line for line, _ in made]), [statement for _, statement in made]) == 1.0


def test_what_an_earlier_version_learnt_is_read_by_its_rules() -> None:
    def state(text: str) -> dict[str, object]:
        return {"rules": 2, "templates": [[1, [text], 1]]}

    assert Miner.reads_alike(state("order \x01 was placed"))
    assert not Miner.reads_alike(state("ERROR job failed error=Traceback (most recent call last):"))
    assert not Miner.reads_alike({"templates": [[1, ['{"msg": "saved"}'], 1]]})
