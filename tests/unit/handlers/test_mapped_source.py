"""Sources that tandem.yaml describes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.event import AlertEvent
from bot.domain.mapping import SourceMapping
from bot.errors import ConfigError
from handlers.http.authentication import bearer_or_like
from handlers.http.endpoint import known_sources, parse_delivery
from handlers.sources.registry import Malformed

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CRON = SourceMapping(
    events="jobs[?!quiet]",
    name="join('', ['Job', title])",
    firing="state != 'ok'",
    id="id",
    service="owner.service",
    severity="level",
    summary="message",
    starts_at="began",
    ends_at="ended",
    group="batch",
    link="url",
    labels={"team": "owner.team", "tries": "tries"},
)
JOB: dict[str, Any] = {
    "id": 7,
    "title": "Nightly",
    "state": "failed",
    "level": "p1",
    "message": "exit code 3",
    "began": "2026-03-01T11:00:00+01:00",
    "owner": {"service": "billing", "team": "money"},
    "tries": 3,
    "batch": "b1",
    "url": "https://cron.example/7",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def parsed(*jobs: dict[str, Any], mapping: SourceMapping = CRON) -> list[AlertEvent]:
    body = msgspec.json.encode({"jobs": list(jobs)})
    events = parse_delivery("cron", body, NOON, {"cron": mapping})
    return [event for event in events if isinstance(event, AlertEvent)]


def test_each_expression_fills_its_field() -> None:
    [event] = parsed(JOB)
    assert event.labels == {
        "alertname": "JobNightly",
        "service": "billing",
        "severity": "p1",
        "team": "money",
        "tries": "3",
    }
    assert (event.source, event.fingerprint, event.status, event.group) == ("cron", "7", "firing", "b1")
    assert event.starts_at == NOON - timedelta(hours=2)
    assert (event.annotations, event.link) == ({"summary": "exit code 3"}, "https://cron.example/7")


def test_what_no_longer_fires_is_resolved_and_has_the_same_fingerprint() -> None:
    [event] = parsed({**JOB, "state": "ok", "ended": 1772362800000})
    assert (event.status, event.fingerprint) == ("resolved", "7")
    assert event.ends_at == datetime(2026, 3, 1, 11, tzinfo=UTC)


def test_without_an_id_the_labels_name_the_alert_whatever_its_severity() -> None:
    mapping = CRON.model_copy(update={"id": None})
    [one] = parsed(JOB, mapping=mapping)
    [worse] = parsed({**JOB, "level": "p2"}, mapping=mapping)
    [other] = parsed({**JOB, "owner": {"service": "mail"}}, mapping=mapping)
    assert one.fingerprint == worse.fingerprint != other.fingerprint


def test_what_the_mapping_leaves_out_is_no_event_and_one_object_is_one() -> None:
    assert parsed({**JOB, "quiet": True}) == []
    [event] = parse_delivery("cron", b'{"t": "Down"}', NOON, {"cron": SourceMapping(name="t")})
    assert isinstance(event, AlertEvent)
    assert (event.status, event.labels) == ("firing", {"alertname": "Down"})


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({**JOB, "title": None}, "name of alert 0"),
        ({**JOB, "began": "yesterday"}, "starts_at of alert 0"),
        ({**JOB, "began": "2026-03-01T11:00:00"}, "has no zone"),
        ({**JOB, "began": 1e300}, "starts_at of alert 0"),
    ],
    ids=["no name", "no moment", "no zone", "beyond time"],
)
def test_what_cannot_be_mapped_is_malformed_and_says_where(job: dict[str, Any], said: str) -> None:
    with pytest.raises(Malformed, match=said):
        parsed(job)


@given(JSON)
def test_no_delivery_breaks_the_parser(delivery: Any) -> None:
    try:
        parse_delivery("cron", msgspec.json.encode(delivery), NOON, {"cron": CRON})
    except Malformed:
        return


def test_a_wrong_expression_is_a_configuration_error_with_its_reason() -> None:
    with pytest.raises(ValidationError, match="is no JMESPath expression"):
        SourceMapping(name="a[")


def test_a_described_source_takes_no_built_in_name() -> None:
    with pytest.raises(ConfigError, match="alertmanager: there is a source of this name"):
        known_sources({"alertmanager": CRON})


@pytest.mark.parametrize(
    ("authorization", "opens"),
    [
        ("Bearer secret", True),
        ("Basic YW55OnNlY3JldA==", True),
        ("Basic YW55Ondyb25n", False),
        ("Basic secret", False),
        ("Basic é", False),
        ("", False),
    ],
)
def test_the_token_may_be_the_password_of_basic_authentication(authorization: str, opens: bool) -> None:
    assert bearer_or_like({"authorization": authorization}, b"secret") is opens
    assert not bearer_or_like({"authorization": authorization}, None)
