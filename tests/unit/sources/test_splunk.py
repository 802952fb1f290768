"""Splunk's webhook alert action, after the example of its documentation."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed
from handlers.webhooks.splunk import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOCUMENTED: dict[str, Any] = {
    "result": {"sourcetype": "mongod", "count": "8"},
    "sid": "scheduler_admin_search_W2_at_14232356_132",
    "results_link": "http://web.example.local:8000/app/search/@go?sid=scheduler_admin_search_W2_at_14232356_132",
    "search_name": None,
    "owner": "admin",
    "app": "search",
}
ROW: dict[str, Any] = {"service": "cart", "host": "web-1", "severity": "high", "count": "8", "message": "8 timeouts"}


def event_of(row: Any = None, **fields: Any) -> AlertEvent:
    given = {"search_name": "Timeouts", "result": ROW | (row or {})}
    [event] = parse(msgspec.json.encode({**DOCUMENTED, **given, **fields}), {}, NOON)
    assert isinstance(event, AlertEvent)
    return event


def test_the_documented_example_is_an_alert() -> None:
    [event] = parse(msgspec.json.encode(DOCUMENTED), {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.status, event.starts_at, event.link) == ("firing", NOON, DOCUMENTED["results_link"])
    assert event.labels == {
        "alertname": "Splunk search",
        "sourcetype": "mongod",
        "count": "8",
        "splunk_app": "search",
        "splunk_owner": "admin",
    }


def test_the_rows_columns_are_labels_and_its_message_is_the_summary() -> None:
    event = event_of({"_time": "1772362800", "_raw": "GET /cart 504", "splunk_server": ["a", "b"], "long": "x" * 300})
    assert (event.labels["alertname"], event.labels["service"], event.labels["severity"]) == (
        "Timeouts",
        "cart",
        "high",
    )
    assert event.labels["splunk_server"] == "a, b"
    assert not {"_time", "_raw", "long"} & event.labels.keys()
    assert event.annotations == {"summary": "8 timeouts", "description": "GET /cart 504"}


def test_the_next_run_tells_of_the_same_alert_whatever_it_counts() -> None:
    assert event_of({"count": "9"}, sid="another").fingerprint == event_of().fingerprint
    assert event_of({"host": "web-2"}).fingerprint != event_of().fingerprint
    assert event_of(search_name="Errors").fingerprint != event_of().fingerprint


def test_a_row_that_says_so_resolves() -> None:
    over = event_of({"status": "resolved", "count": "0"})
    assert (over.status, over.ends_at, over.fingerprint) == ("resolved", NOON, event_of().fingerprint)
    assert event_of({"status": "200"}).status == "firing"


def test_a_row_has_as_many_labels_as_a_person_can_read() -> None:
    assert len(event_of({f"column{i}": str(i) for i in range(100)}).labels) < 40


def test_what_is_not_there_is_left_out_and_what_is_new_does_not_disturb() -> None:
    [event] = parse(b'{"sid": "1", "new": {"x": []}, "result": {"a": {"b": 1}, "n": 7}}', {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.labels, event.link, event.annotations) == ({"alertname": "Splunk search", "n": "7"}, "", {})


@pytest.mark.parametrize(
    ("fields", "where"), [({"sid": None}, "sid"), ({"result": 1}, "result"), ({"search_name": []}, "search_name")]
)
def test_what_is_malformed_is_named(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        parse(msgspec.json.encode({**DOCUMENTED, **fields}), {}, NOON)
