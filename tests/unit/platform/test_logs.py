"""What is logged: in the form that was asked for, from every logger, and without secrets."""

import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bot.observability import tracing
from bot.observability.logs import MASK, Format, Masking, secret_values, set_up_logging
from bot.observability.tracing_otlp import Exporting

TOKEN = "hunter2-of-some-length"
CREDENTIAL = st.from_regex(r"[A-Za-z0-9]{20,60}", fullmatch=True)
WRITTEN: list[Callable[[str], str]] = [
    lambda secret: f"Authorization: Bearer {secret}",
    lambda secret: f"sent {{'authorization': 'Basic {secret}'}} and failed",
    lambda secret: f"postgresql://tandem:{secret}@db.example/tandem refused",
    lambda secret: f"GET https://alerts.example/hook?token={secret}&x=1",
    lambda secret: f"password={secret}",
    lambda secret: f'{{"api_key": "{secret}"}}',
    lambda secret: f"xoxb-{secret} was revoked",
]
KEYS = ["token", "slack_bot_token", "Authorization", "password", "client_secret", "api-key", "Set-Cookie"]
VARIABLES = [
    "SLACK_BOT_TOKEN",
    "TANDEM_SECRET_ARGO",
    "SLACK_SIGNING_SECRET",
    "TANDEM_LLM_API_KEY",
    "TANDEM_DEADMAN_URL",
]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root, dbos = logging.getLogger(), logging.getLogger("dbos")
    before = root.handlers[:], root.level, dbos.handlers[:], dbos.propagate
    yield
    root.handlers, root.level, dbos.handlers, dbos.propagate = before
    logging.captureWarnings(False)
    structlog.reset_defaults()


def _wrapped(depth: int, value: str) -> Any:
    return {"deeper": [_wrapped(depth - 1, value)]} if depth else value


@settings(max_examples=200)
@given(secret=CREDENTIAL, written=st.sampled_from(WRITTEN), depth=st.integers(0, 12), before=st.text(max_size=20))
@example("A" * 20, WRITTEN[0], 3, "")
def test_a_secret_is_in_no_event_however_deep_and_however_it_is_written(
    secret: str, written: Callable[[str], str], depth: int, before: str
) -> None:
    said = f"{before}\n{written(secret)}"
    made = Masking([])(None, "info", {"event": said, "details": _wrapped(depth, written(secret)), "exception": [said]})
    assert secret not in json.dumps(dict(made))


@given(secret=st.text(min_size=8, max_size=50), key=st.sampled_from(KEYS), depth=st.integers(0, 4))
def test_what_a_key_calls_secret_is_not_said(secret: str, key: str, depth: int) -> None:
    made = Masking([])(None, "info", {key: secret, "more": _wrapped(depth, "x"), "headers": {key: [secret]}})
    assert made[key] == made["headers"][key] == MASK


@given(secret=st.from_regex(r"[a-z]{8,20}", fullmatch=True), variable=st.sampled_from(VARIABLES), text=st.text())
def test_the_values_of_secret_variables_are_masked_wherever_they_stand(secret: str, variable: str, text: str) -> None:
    masking = Masking(secret_values({variable: secret, "PATH": "/usr/bin:/bin"}))
    made = masking(None, "info", {"event": f"{text.replace(secret, '')}{secret}", "path": "/usr/bin:/bin"})
    assert secret not in made["event"].replace(MASK, "")
    assert made["path"] == "/usr/bin:/bin"


def test_the_password_in_an_address_is_masked_as_it_stands_there_and_decoded() -> None:
    address = "postgresql://tandem:p%40ss-of-ours@db/tandem"
    assert secret_values({"TANDEM_DATABASE_URL": address}) == ["p%40ss-of-ours", "p@ss-of-ours"]
    assert secret_values({"TANDEM_DATABASE_URL": "postgresql://postgres:postgres@db/tandem"}) == []


@given(
    st.dictionaries(
        st.sampled_from(["incident", "service", "seq", "reason", "retry_in", "partition"]),
        st.integers() | st.booleans() | st.none() | st.sampled_from(["checkout", "0c5be4a77ee4", "waits for 3 m 20 s"]),
    )
)
def test_what_is_no_secret_stays_as_it_is(event: dict[str, Any]) -> None:
    assert Masking([TOKEN])(None, "info", dict(event)) == event


def _said(
    capsys: pytest.CaptureFixture[str], speak: Callable[[], None], form: Format, level: int = logging.INFO
) -> str:
    set_up_logging(level, form, [TOKEN])
    speak()
    return capsys.readouterr().err


def _fail() -> None:
    password = TOKEN
    raise RuntimeError(f"login with {password} failed")


def _log_failure() -> None:
    try:
        _fail()
    except RuntimeError as error:
        structlog.get_logger("bot.test").error("test.failed", exc_info=error, incident=7)


def test_an_event_is_a_line_of_json_with_level_and_utc_time(capsys: pytest.CaptureFixture[str]) -> None:
    line = _said(capsys, lambda: structlog.get_logger().info("slack.not_told", incident=12, service="grün"), "json")
    said = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", said.pop("time"))
    assert said == {"event": "slack.not_told", "level": "info", "incident": 12, "service": "grün"}


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_says_where_and_holds_no_variable_and_no_secret(
    capsys: pytest.CaptureFixture[str], form: Format
) -> None:
    said = _said(capsys, _log_failure, form)
    assert "_fail" in said
    assert "test_logs.py" in said
    assert "RuntimeError" in said
    assert TOKEN not in said
    if form == "json":
        [error] = json.loads(said)["exception"]
        assert all(frame.get("locals") is None for frame in error["frames"])


@pytest.mark.parametrize("name", ["aiohttp.server", "slack_sdk.web", "sqlalchemy.pool", "dbos", "asyncio"])
def test_libraries_go_the_same_way(capsys: pytest.CaptureFixture[str], name: str) -> None:
    def speak() -> None:
        logging.getLogger(name).warning("refused %s", TOKEN)
        logging.getLogger(name).info("not said")

    said = json.loads(_said(capsys, speak, "json"))
    assert (said["level"], said["logger"], said["event"]) == ("warning", name, f"refused {MASK}")


def test_warnings_of_python_go_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(_said(capsys, lambda: warnings.warn("old", UserWarning, stacklevel=1), "json"))
    assert "UserWarning: old" in said["event"]


def test_the_level_decides_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    def speak() -> None:
        structlog.get_logger().info("worker.info")
        structlog.get_logger().warning("worker.warning")

    assert "worker.info" not in _said(capsys, speak, "text", logging.WARNING)
    assert "worker.info" in _said(capsys, speak, "text")


def test_text_holds_one_event_a_line_without_colours_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, lambda: structlog.get_logger().info("tandem.ready", incident=3), "text")
    assert "\x1b" not in said
    assert re.fullmatch(r"\S+Z \[info\s+\] tandem\.ready\s+incident=3\n", said)


def test_what_is_logged_inside_a_span_says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracing, "_tracer", Exporting(SimpleSpanProcessor(InMemorySpanExporter())).tracer)
    set_up_logging(form="json", secrets=[TOKEN])
    with tracing.span("slack.message", parent=f"00-{'a' * 32}-{'b' * 16}-01"):
        structlog.get_logger().info("slack.told")
    said = json.loads(capsys.readouterr().err)
    assert said["trace_id"] == "a" * 32
    assert len(said["span_id"]) == 16
