"""Our own schema for changes: one or many, and what is wrong is named with its place."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import ChangeEvent, ChangeKind
from handlers.sources.registry import Malformed, Refusal
from handlers.webhooks.changes.changes import parse
from tests.unit.payloads import mutated, taken
from tests.unit.sources.test_alertmanager import assert_storable
from tests.unit.strategies import NOON

Json = dict[str, Any]

LEAST: Json = {"service": "checkout", "kind": "deploy", "title": "checkout 1.4.2"}
CHANGE: Json = LEAST | {
    "at": "2026-03-01T12:50:00+01:00",
    "id": "release-77",
    "actor": "ann",
    "version": "1.4.2",
    "link": "https://ci.example/77",
    "labels": {"cluster": "eu"},
}


def parsed(body: Any, received_at: datetime = NOON) -> list[Any]:
    return taken(parse(json.dumps(body).encode(), {}, received_at))


def only(body: Any, received_at: datetime = NOON) -> ChangeEvent:
    [change] = parsed(body, received_at)
    assert isinstance(change, ChangeEvent)
    return change


def test_a_change_says_what_was_changed_when_and_by_whom() -> None:
    assert only(CHANGE) == ChangeEvent(
        source="changes",
        id="release-77",
        service="checkout",
        change=ChangeKind.DEPLOY,
        title="checkout 1.4.2",
        at=datetime(2026, 3, 1, 11, 50, tzinfo=UTC),
        labels={"cluster": "eu"},
        actor="ann",
        version="1.4.2",
        link="https://ci.example/77",
    )


@pytest.mark.parametrize("kind", ChangeKind)
def test_every_kind_of_change_can_be_told(kind: ChangeKind) -> None:
    assert only(CHANGE | {"kind": kind.value}).change is kind


def test_a_change_without_a_moment_happens_when_it_is_received() -> None:
    assert only(LEAST).at == NOON


def test_a_change_without_an_id_is_known_by_what_it_says_and_when() -> None:
    at = LEAST | {"at": "2026-03-01T11:50:00Z"}
    assert only(at).id == only(at, NOON + timedelta(hours=1)).id
    assert only(LEAST).id != only(LEAST, NOON + timedelta(hours=1)).id
    for other in ({"service": "cart"}, {"title": "x"}, {"version": "1.4.3"}, {"at": "2026-03-01T11:50:01Z"}):
        assert only(at | other).id != only(at).id


def test_many_changes_may_come_together_in_order() -> None:
    told = [CHANGE | {"id": str(i)} for i in range(12_000)]
    assert [change.id for change in parsed(told)] == [one["id"] for one in told]
    assert parsed([]) == []


def test_fields_that_are_not_known_do_not_disturb() -> None:
    assert only(CHANGE | {"novel": [None]}) == only(CHANGE)


@pytest.mark.parametrize("field", ["service", "kind", "title"])
def test_what_must_be_there_is_named_where_it_is_not(field: str) -> None:
    rest = {name: value for name, value in CHANGE.items() if name != field}
    with pytest.raises(Malformed, match=f"`{field}`"):
        parsed(rest)
    _, refused = parse(json.dumps([CHANGE, rest]).encode(), {}, NOON)
    assert isinstance(refused, Refusal)
    assert refused.index == 1
    assert f"`{field}` - at `$[1]`" in refused.reason


@pytest.mark.parametrize(
    "changed",
    [
        {"service": ""},
        {"service": "x" * 501},
        {"kind": "magic"},
        {"title": None},
        {"at": "yesterday"},
        {"at": "2026-03-01T12:00:00"},
        {"at": "9999-12-31T23:59:59-14:00"},
        {"labels": {"a": {}}},
    ],
)
def test_what_is_of_the_wrong_kind_is_named_also_among_others(changed: Json) -> None:
    field = next(iter(changed))
    with pytest.raises(Malformed, match=rf"\$\.{field}"):
        parsed(CHANGE | changed)
    _, refused = parse(json.dumps([CHANGE, CHANGE | changed]).encode(), {}, NOON)
    assert isinstance(refused, Refusal)
    assert f"$[1].{field}" in refused.reason


def test_a_body_that_ends_too_early_is_malformed() -> None:
    body = json.dumps([CHANGE, CHANGE]).encode()
    for end in (0, 1, len(body) // 2, len(body) - 1):
        with pytest.raises(Malformed, match="truncated"):
            parse(body[:end], {}, NOON)


@given(mutated(CHANGE), st.booleans())
def test_anything_wrong_in_a_change_is_malformed_or_fit_to_be_stored(body: Any, together: bool) -> None:
    try:
        made = parsed([CHANGE, body] if together else body)
    except Malformed as error:
        assert str(error).strip()
    else:
        assert_storable(made)


@given(st.binary(max_size=20))
def test_any_bytes_are_nothing_or_malformed(body: bytes) -> None:
    try:
        made = taken(parse(body, {}, NOON))
    except Malformed as error:
        assert str(error).strip()
    else:
        assert made == []
