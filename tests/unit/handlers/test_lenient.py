"""What senders write in another type than they should is taken; what cannot be is set aside alone, with its place."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import msgspec
import pytest

from bot.domain.event import AlertEvent, Event
from bot.domain.mapping import SourceMapping
from handlers.sources.lenient import converted, lenient
from handlers.sources.mapped import parser_for
from handlers.sources.registry import Malformed, Refusal, all_sources
from tests.unit.sources import test_alertmanager, test_grafana
from tests.unit.sources.test_changes_changes import CHANGE
from tests.unit.strategies import NOON

Json = dict[str, Any]


class _Part(msgspec.Struct):
    name: str
    value: str = "none"


class _Whole(msgspec.Struct):
    labels: dict[str, str] = {}
    parts: list[_Part] = []
    one: _Part | None = None
    at: datetime | None = None
    count: int = 0
    level: Literal["firing", "5"] = "firing"
    loose: str | int | None = None


@pytest.mark.parametrize(
    ("given", "field", "taken"),
    [
        (
            {"labels": {"a": 5, "b": True, "c": 1.5, "d": None, "e": "x"}},
            "labels",
            dict(a="5", b="true", c="1.5", e="x"),
        ),
        ({"labels": None}, "labels", {}),
        ({"labels": []}, "labels", {}),
        ({"parts": None}, "parts", []),
        ({"parts": [{"name": 7, "value": None, "novel": {}}, None]}, "parts", [_Part("7")]),
        ({"one": {"name": 2**70}}, "one", _Part(str(2**70))),
        ({"at": ""}, "at", None),
        ({"at": None, "count": "12"}, "count", 12),
        ({"count": None}, "count", 0),
        ({"level": "Firing "}, "level", "firing"),
        ({"level": 5}, "level", "5"),
        ({"loose": False}, "loose", "false"),
        ({"loose": 1, "count": "1"}, "loose", 1),
        ({"loose": None, "count": "1"}, "loose", None),
    ],
)
def test_a_value_of_another_type_is_taken_as_what_it_spells(given: Json, field: str, taken: Any) -> None:
    assert getattr(lenient(_Whole)(json.dumps(given).encode()), field) == taken
    assert getattr(converted(given, _Whole), field) == taken


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"labels": {"a": {}}}, "$.labels"),
        ({"labels": "a"}, "$.labels"),
        ({"parts": [{"name": None}]}, "$.parts[0].name"),
        ({"one": {"value": "x"}}, "`name`"),
        ({"count": "many"}, "$.count"),
        ({"level": "other"}, "$.level"),
    ],
)
def test_what_cannot_be_taken_is_named(given: Json, where: str) -> None:
    with pytest.raises(Malformed) as refused:
        converted(given, _Whole)
    assert where in str(refused.value)


def parts_of(name: str, delivery: Any) -> list[Event | Refusal]:
    headers = {"content-type": "application/cloudevents-batch+json"}
    return list(all_sources()[name].parse(json.dumps(delivery).encode(), headers, NOON))


LABELS = {"alertname": "Down", "service": "cart"}
GROUPS: list[tuple[str, Json, Json]] = [
    ("alertmanager", test_alertmanager.DELIVERY, test_alertmanager.ALERT),
    ("grafana", test_grafana.DELIVERY, test_grafana.ALERT),
]


@pytest.mark.parametrize(("source", "delivery", "alert"), GROUPS)
@pytest.mark.parametrize(
    "odd",
    [
        {"labels": LABELS | {"replica": 3, "canary": True, "zone": None}},
        {"annotations": None},
        {"annotations": []},
        {"annotations": {"value": 99.5}},
        {"generatorURL": None},
        {"fingerprint": None},
        {"startsAt": None},
        {"endsAt": None},
        {"status": "Firing"},
        {"novel": {"deep": [1]}},
    ],
)
def test_an_odd_alert_is_taken_beside_the_others(source: str, delivery: Json, alert: Json, odd: Json) -> None:
    parts = parts_of(source, delivery | {"alerts": [alert, alert | odd]})
    assert [type(part) for part in parts] == [AlertEvent, AlertEvent]


@pytest.mark.parametrize(("source", "delivery", "alert"), GROUPS)
@pytest.mark.parametrize("head", ["groupLabels", "commonLabels", "commonAnnotations", "truncatedAlerts", "status"])
def test_nothing_of_a_delivery_that_is_null_loses_its_alerts(
    source: str, delivery: Json, alert: Json, head: str
) -> None:
    assert isinstance(parts_of(source, delivery | {head: None})[0], AlertEvent)


def test_a_number_stands_for_the_same_label_as_its_text() -> None:
    as_number, as_text = (
        parts_of("alertmanager", test_alertmanager.delivery({"fingerprint": "", "labels": LABELS | {"replica": value}}))
        for value in (3, "3")
    )
    assert as_number == as_text


@pytest.mark.parametrize(("source", "delivery", "alert"), GROUPS)
@pytest.mark.parametrize(
    ("bad", "where"),
    [
        (None, "$.alerts[1]"),
        ("Down", "$.alerts[1]"),
        ([], "labels"),
        ({}, "status"),
        ({"status": "firing", "labels": "Down"}, "$.alerts[1].labels"),
        ({"status": "firing", "labels": None}, "$.alerts[1].labels"),
        ({"status": "unknown", "labels": LABELS}, "$.alerts[1].status"),
        ({"status": "firing", "labels": LABELS, "startsAt": "yesterday"}, "$.alerts[1].startsAt"),
    ],
)
def test_an_alert_that_cannot_be_taken_loses_no_other(
    source: str, delivery: Json, alert: Json, bad: Any, where: str
) -> None:
    first, refused, last = parts_of(source, delivery | {"alerts": [alert, bad, alert]})
    assert isinstance(refused, Refusal)
    assert refused.index == 1
    if bad != []:
        assert where in refused.reason
    assert isinstance(first, AlertEvent)
    assert first == last


EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "disk.full", "data": {"service": "cart"}}


@pytest.mark.parametrize(
    ("source", "good", "bad"),
    [("changes", CHANGE, CHANGE | {"kind": "magic"}), ("cloudevents", EVENT, EVENT | {"specversion": "9"})],
)
def test_one_bad_entry_of_a_list_loses_no_other(source: str, good: Json, bad: Json) -> None:
    parts = parts_of(source, [bad, good, 7, good])
    assert [part.index for part in parts if isinstance(part, Refusal)] == [0, 2]
    assert len(parts) == 4


def test_one_bad_alert_of_a_source_of_ones_own_loses_no_other() -> None:
    parse = parser_for("cron", SourceMapping(events="jobs", name="title", starts_at="began"))
    jobs = [{"title": "A"}, {"title": None}, {"title": "C", "began": "yesterday"}, {"title": 4}]
    parts = list(parse(json.dumps({"jobs": jobs}).encode(), {}, NOON))
    assert [part.index for part in parts if isinstance(part, Refusal)] == [1, 2]
    assert len([part for part in parts if isinstance(part, AlertEvent)]) == 2


SINGLE: list[tuple[str, Json, Callable[[AlertEvent], Any], Any]] = [
    (
        "nagios",
        dict(type="PROBLEM", host="web", state="WARNING", service=5, output=None),
        lambda e: e.labels["check"],
        "5",
    ),
    ("zabbix", dict(id=7, name="Disk", value=1, severity=4, tags=None), lambda e: e.labels["severity"], "high"),
    ("opsgenie", dict(action="Create", alert=dict(alertId=9, message=None, tags=[1])), lambda e: e.fingerprint, "9"),
    ("datadog", dict(transition="Triggered", id=12, title=None, host=3), lambda e: e.labels["host"], "3"),
    ("splunk", dict(sid=4, result=None, search_name="S"), lambda e: e.labels["alertname"], "S"),
    ("newrelic", dict(id=3, state="ACTIVATED", title=7), lambda e: e.fingerprint, "3"),
    ("elastic", dict(rule=dict(id=1, name=2, tags=None), alert=dict(id=3, actionGroup="hot")), lambda e: e.group, "1"),
]


@pytest.mark.parametrize(("source", "body", "field", "taken"), SINGLE, ids=[one[0] for one in SINGLE])
def test_every_source_takes_numbers_as_text_and_null_as_absent(
    source: str, body: Json, field: Callable[[AlertEvent], Any], taken: Any
) -> None:
    [event] = parts_of(source, body)
    assert isinstance(event, AlertEvent)
    assert field(event) == taken
