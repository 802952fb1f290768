"""Executors: what may be said of a step, and how a step is shown before anybody approves it."""

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.run import PREVIEWED_BY_THEMSELVES
from bot.remediation.executors import StepParameters, describe, parameter_names, parameters_of
from bot.remediation.executors import registry as executors
from bot.remediation.executors.registry import executor

COMMAND: dict[str, Any] = {"argv": ["scale", "3"]}
HTTP: dict[str, Any] = {"url": "https://h/scale"}


def shown(kind: str, **raw: Any) -> str:
    return describe(kind, parameters_of(kind, raw))


def errors(kind: str, **raw: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        parameters_of(kind, raw)
    return str(refused.value)


@pytest.mark.parametrize("kind, hint", [("comand", "did you mean 'command'"), ("zzz", "known are command, gate, http")])
def test_an_unknown_executor_is_an_error_that_names_the_nearest(kind: str, hint: str) -> None:
    for ask in (lambda: parameters_of(kind, {}), lambda: parameter_names(kind)):
        with pytest.raises(ValueError, match=f"no executor is named '{kind}'; {hint}"):
            ask()


def test_two_executors_cannot_have_one_name() -> None:
    parameters_of("command", COMMAND)
    with pytest.raises(ValueError, match="two executors are named 'command'"):
        executor("command", StepParameters, str)(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind, least", [("command", COMMAND), ("http", HTTP)])
def test_a_step_is_given_up_after_a_minute_and_is_not_repeatable_unless_it_says_so(
    kind: str, least: dict[str, Any]
) -> None:
    parameters = parameters_of(kind, least)
    assert parameters.timeout.total_seconds() == 60
    assert parameters.repeatable is False
    assert parameters.check is None


@pytest.mark.parametrize("kind, least", [("command", COMMAND), ("http", HTTP)])
@pytest.mark.parametrize("timeout", ["0s", "6h1s", "7d", "-1s", "60", 60, None])
def test_a_step_takes_more_than_nothing_and_at_most_six_hours(
    kind: str, least: dict[str, Any], timeout: object
) -> None:
    assert "timeout" in errors(kind, **least, timeout=timeout)
    assert parameters_of(kind, {**least, "timeout": "6h"}).timeout.total_seconds() == 21_600


@pytest.mark.parametrize("kind, least", [("command", COMMAND), ("http", HTTP)])
def test_what_is_planned_is_what_is_executed(kind: str, least: dict[str, Any]) -> None:
    """A plan keeps the parameters as JSON, and the executor reads them again."""
    parameters = parameters_of(kind, {**least, "timeout": "0.05ms", "repeatable": True})
    assert parameters_of(kind, parameters.model_dump(mode="json")) == parameters


@pytest.mark.parametrize(
    "changed",
    [
        {"argv": []},
        {"argv": "scale 3"},
        {"argv": ["scale", 3]},
        {"argv": ["x"] * 101},
        {"argv": ["x\0y"]},
        {"env": {"A": "x\0y"}},
        {"env": {"A=B": "x"}},
        {"env": {"": "x"}},
        {"cwd": "x\0y"},
        {"env": {"A": 1}},
        {"env": ["A=1"]},
        {"cwd": 5},
        {"shell": True},
        {"stdin": "x"},
    ],
)
def test_a_command_is_a_list_of_texts(changed: dict[str, Any]) -> None:
    assert next(iter(changed)) in errors("command", **COMMAND | changed)


@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=1, max_size=5))
def test_a_command_is_shown_so_that_a_shell_would_read_the_same_arguments(argv: list[str]) -> None:
    assert shlex.split(shown("command", argv=argv)) == argv


def test_a_command_is_shown_with_its_variables_and_its_folder() -> None:
    assert shown("command", argv=["x"], env={"B": "1 2", "A": "y"}, cwd="/srv") == "A=y B='1 2' x (in /srv)"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h/x",
        "//h/x",
        "ftp://h/",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "javascript:x",
        "http://h:99999/",
        "http://[",
    ],
)
def test_an_address_is_a_whole_one_of_the_web(url: str) -> None:
    assert "url" in errors("http", url=url)


@pytest.mark.parametrize("url", ["https://user:secret@h/", "https://user@h/", "https://:secret@h/"])
def test_an_address_carries_no_password(url: str) -> None:
    assert "use a header with a secret" in errors("http", url=url)


@pytest.mark.parametrize("method", ["get", "CONNECT", "TRACE", "OPTIONS", "", "POST\r\nX: y"])
def test_a_method_is_one_of_the_usual(method: str) -> None:
    assert "method" in errors("http", **HTTP, method=method)


@pytest.mark.parametrize(
    "headers",
    [
        {"X\r\nY": "z"},
        {"X": "a\r\nY: b"},
        {"X": "a\nb"},
        {"": "x"},
        {"X Y": "z"},
        {"X:": "z"},
        {"X": 5},
        {"X": {"secrt": "T"}},
    ],
)
def test_a_header_cannot_become_two(headers: dict[str, Any]) -> None:
    assert "headers" in errors("http", **HTTP, headers=headers)


@pytest.mark.parametrize("body", [5, True, {"a": b"\xff"}, {"a": {1, 2}}, {"a": {3: object()}}])
def test_a_body_is_a_text_or_json(body: object) -> None:
    assert "body" in errors("http", **HTTP, body=body)


def test_a_request_is_shown_with_its_headers_and_body_but_a_secret_by_its_name_only() -> None:
    headers = {"Authorization": {"secret": "TOKEN", "prefix": "Bearer "}, "X-Why": "incident 12"}
    assert shown("http", **HTTP, headers=headers, body={"replicas": 3}) == (
        'POST https://h/scale\nAuthorization: Bearer <secret TOKEN>\nX-Why: incident 12\n{"replicas":3}'
    )
    assert shown("http", **HTTP, method="PUT", body="replicas=3") == "PUT https://h/scale\nreplicas=3"


@pytest.mark.parametrize(
    "expect, good, bad",
    [(None, [200, 204, 299], [199, 300, 404]), (404, [404], [200, 500]), ([200, 409], [200, 409], [201])],
)
def test_a_request_succeeds_with_the_statuses_that_are_expected(
    expect: object, good: list[int], bad: list[int]
) -> None:
    parameters: Any = parameters_of("http", {**HTTP, "expect": expect})
    assert all(parameters.expects(status) for status in good)
    assert not any(parameters.expects(status) for status in bad)


def test_nobody_can_expect_nothing() -> None:
    assert "expect" in errors("http", **HTTP, expect=[])


def test_what_executors_preview_by_themselves_is_what_offers_are_looked_at_for() -> None:
    """A kind that can preview is given how, or is known to need nothing."""
    executors._all()
    alone = {kind for kind in executors._previews if "preview" not in executors.parameter_names(kind)}
    assert alone <= set(PREVIEWED_BY_THEMSELVES) and {"command", "http", "mlflow"} <= set(executors._previews)


@pytest.mark.parametrize("kind, preview", [("command", ["scale", "3"]), ("http", {"method": "POST", **HTTP})])
def test_a_preview_is_not_the_step_itself(kind: str, preview: Any) -> None:
    least = COMMAND if kind == "command" else HTTP
    assert "a preview may change nothing" in errors(kind, **least, preview=preview)


def test_a_preview_may_be_given_as_its_argv_alone() -> None:
    short, spelled_out = {"argv": ["a"], "preview": ["b"]}, {"argv": ["a"], "preview": {"argv": ["b"]}}
    assert parameters_of("command", short) == parameters_of("command", spelled_out)


def test_how_a_step_is_previewed_is_shown_with_it() -> None:
    shown = describe("command", parameters_of("command", {"argv": ["a"], "preview": ["b", "--dry run"]}))
    assert shown == "a\n  (previewed by: b '--dry run')"
    step = {"url": "https://a.example/x", "preview": "https://a.example/x?dry=1"}
    assert "(previewed by: GET https://a.example/x?dry=1)" in describe("http", parameters_of("http", step))
