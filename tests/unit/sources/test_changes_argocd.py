"""Argo CD's notifications, in the form that our template gives them: each synchronisation is one change."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import ChangeEvent, ChangeKind
from handlers.sources.registry import Malformed
from handlers.webhooks.changes.argocd import parse
from tests.unit.payloads import mutated
from tests.unit.sources.test_alertmanager import assert_storable
from tests.unit.strategies import NOON

Json = dict[str, Any]

SYNC: Json = {
    "app": "checkout-eu",
    "phase": "Succeeded",
    "revision": "279484c09fbe69ededfced8c1bb6e6d24616b468",
    "started_at": "2026-03-01T11:50:00Z",
    "service": "checkout",
    "project": "shop",
    "namespace": "shop",
    "cluster": "eu",
    "url": "https://argocd.example/applications/argocd/checkout-eu",
}


def parsed(body: Any) -> list[Any]:
    return parse(json.dumps(body).encode(), {}, NOON)


def only(body: Any) -> ChangeEvent:
    [change] = parsed(body)
    assert isinstance(change, ChangeEvent)
    return change


def without(*fields: str) -> Json:
    return {name: value for name, value in SYNC.items() if name not in fields}


def test_a_synchronisation_is_a_deploy_that_began_with_it() -> None:
    assert only(SYNC) == ChangeEvent(
        source="argocd",
        id="checkout-eu/2026-03-01T11:50:00+00:00",
        service="checkout",
        change=ChangeKind.DEPLOY,
        title="checkout-eu synchronised to 279484c09fbe (succeeded)",
        at=datetime(2026, 3, 1, 11, 50, tzinfo=UTC),
        labels={"cluster": "eu", "namespace": "shop", "project": "shop"},
        version="279484c09fbe",
        link="https://argocd.example/applications/argocd/checkout-eu",
    )


@pytest.mark.parametrize("phase", ["Running", "Succeeded", "Failed", "Error"])
def test_every_phase_tells_of_the_same_change_also_while_the_revision_is_not_known(phase: str) -> None:
    assert only(SYNC | {"phase": phase, "revision": ""}).id == only(SYNC).id
    assert only(SYNC | {"phase": phase}).title.endswith(f"({phase.lower()})")


@pytest.mark.parametrize("phase", ["Terminating", "", "anything new"])
def test_a_phase_that_changes_nothing_is_no_change(phase: str) -> None:
    assert parsed(SYNC | {"phase": phase}) == []


@pytest.mark.parametrize("absent", ["", "<no value>"])
def test_what_a_template_cannot_fill_in_counts_as_not_given(absent: str) -> None:
    optional = ("revision", "service", "project", "namespace", "cluster", "url")
    change = only(SYNC | dict.fromkeys(optional, absent))
    assert (change.service, change.title) == ("checkout-eu", "checkout-eu synchronised (succeeded)")
    assert (change.labels, change.version, change.link) == ({}, "", "")
    assert only(without(*optional)) == change


def test_fields_that_are_not_known_do_not_disturb() -> None:
    assert only(SYNC | {"novel": [None]}) == only(SYNC)


@pytest.mark.parametrize("field", ["app", "phase", "started_at"])
def test_what_must_be_there_is_named_where_it_is_not(field: str) -> None:
    with pytest.raises(Malformed, match=f"`{field}`"):
        parsed(without(field))


@pytest.mark.parametrize("changed", [{"app": ""}, {"started_at": "<no value>"}, {"started_at": ""}, {"url": {}}])
def test_what_is_of_the_wrong_kind_is_named(changed: Json) -> None:
    with pytest.raises(Malformed, match=rf"\$\.{next(iter(changed))}"):
        parsed(SYNC | changed)


def test_a_body_that_ends_too_early_is_malformed() -> None:
    body = json.dumps(SYNC).encode()
    for end in (0, 1, len(body) // 2, len(body) - 1):
        with pytest.raises(Malformed, match="truncated"):
            parse(body[:end], {}, NOON)


@given(mutated(SYNC))
def test_anything_wrong_in_a_delivery_is_malformed_or_fit_to_be_stored(body: Any) -> None:
    try:
        made = parsed(body)
    except Malformed as error:
        assert str(error).strip()
    else:
        assert_storable(made)


@given(st.binary(max_size=20))
def test_any_bytes_are_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body, {}, NOON)
