"""What all webhooks share: who may post, which sources there are, and text and moments that can be stored."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import AlertEvent, GroupResolved, decode_events, domain_of, partition_of
from bot.inbox.intake import entries_for
from handlers.http.authentication import bearer
from handlers.http.endpoint import parse_delivery
from handlers.sources.clean import clean, clean_link, may_be_unclean
from handlers.sources.registry import Malformed, all_sources, nearest, source
from handlers.sources.timestamps import in_utc
from tests.unit.strategies import NOON, events, hostile

tokens = st.text(st.characters(min_codepoint=33, max_codepoint=255), min_size=1, max_size=10)


@given(tokens, tokens)
def test_only_the_token_opens_the_door(sent: str, token: str) -> None:
    assert bearer({"authorization": f"Bearer {token}"}, token.encode()) == (token == token.strip())
    assert bearer({"authorization": f"Bearer {sent}"}, token.encode()) == (sent.strip() == token)
    assert not bearer({"authorization": f"Basic {token}"}, token.encode())


@pytest.mark.parametrize(
    "sent, opens",
    [
        ("Bearer s3cret", True),
        ("bearer s3cret", True),
        ("BEARER  s3cret ", True),
        ("Bearer s3cre", False),
        ("Bearer s3cret2", False),
        ("Bearer S3cret", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("Basic s3cret", False),
        ("s3cret", False),
        ("", False),
    ],
)
def test_the_scheme_may_be_written_in_any_case_and_the_token_may_not(sent: str, opens: bool) -> None:
    assert bearer({"authorization": sent}, b"s3cret") == opens


def test_without_a_token_the_door_stays_shut() -> None:
    assert not bearer({"authorization": "Bearer "}, None)
    assert not bearer({"authorization": "Bearer None"}, None)
    assert not bearer({}, b"s3cret")


def test_the_sources_are_found_by_themselves() -> None:
    assert {"alertmanager", "cloudevents"} <= all_sources().keys()


def test_two_sources_cannot_have_one_name() -> None:
    taken = next(iter(all_sources()))
    with pytest.raises(ValueError, match=f"two sources are named '{taken}'"):
        source(taken, verify=bearer)(lambda body, headers, at: [])


def test_an_unknown_source_is_told_the_nearest_known_one() -> None:
    assert nearest("alertmanger", all_sources()) == "did you mean 'alertmanager'?"
    assert nearest("zzz", all_sources()).startswith("known are alertmanager, ")
    with pytest.raises(LookupError, match="no source is named 'alertmanger': did you mean 'alertmanager'"):
        parse_delivery("alertmanger", b"{}", NOON)


@pytest.mark.parametrize("name", sorted(all_sources()))
def test_every_source_calls_an_empty_body_malformed(name: str) -> None:
    with pytest.raises(Malformed):
        parse_delivery(name, b"", NOON)


@given(hostile)
def test_clean_text_can_be_stored_everywhere_and_is_cleaned_once(text: str) -> None:
    cleaned = clean(text)
    assert not set(cleaned) & {chr(n) for n in range(32) if chr(n) not in "\t\n\r"}
    assert "\x7f" not in cleaned
    assert clean(cleaned) == cleaned
    assert len(cleaned) == len(text)
    assert clean_link(f"https://{text}") == (f"https://{text}" if cleaned == text else "")


@given(st.text(st.characters(max_codepoint=200), max_size=5))
def test_a_body_that_may_be_unclean_is_known_by_its_bytes(text: str) -> None:
    for ascii_only in (True, False):
        body = json.dumps({"a": text}, ensure_ascii=ascii_only).encode()
        assert clean(text) == text or may_be_unclean(body)


@given(st.datetimes(datetime(2, 1, 3), datetime(9999, 12, 29)), st.integers(-14, 14))
def test_a_moment_in_utc_is_the_same_moment(naive: datetime, hours: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(hours=hours)))
    found = in_utc(moment, "$.startsAt")
    assert found == moment
    assert found is not None and found.tzinfo is UTC


@pytest.mark.parametrize("hours", [-14, 0, 14])
def test_the_zero_time_of_go_is_no_moment(hours: int) -> None:
    assert in_utc(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=hours))), "$.endsAt") is None


def test_a_moment_that_utc_does_not_have_is_malformed_and_named() -> None:
    with pytest.raises(Malformed, match=r"\$\.startsAt: 9999-12-31T23:59:59-14:00 is outside the years"):
        in_utc(datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-14))), "$.startsAt")


clusters = st.sampled_from(["eu", "us", "asia", ""])
deliveries = st.lists(
    events(labels=clusters.map(lambda cluster: {"cluster": cluster}))
    | clusters.map(lambda cluster: GroupResolved("alertmanager", "g", {"cluster": cluster}, NOON)),
    max_size=8,
)


@given(deliveries, st.integers(1, 16))
def test_a_delivery_goes_to_its_partitions_in_order_and_nothing_is_lost(
    delivery: list[AlertEvent | GroupResolved], partitions: int
) -> None:
    entries = entries_for(delivery, "alertmanager", NOON, ["cluster"], partitions)
    assert len({entry.partition for entry in entries}) == len(entries)
    for entry in entries:
        mine = [e for e in delivery if partition_of(domain_of(e.labels, ["cluster"]), partitions) == entry.partition]
        assert decode_events(entry.payload) == mine != []
    assert sum(len(decode_events(entry.payload)) for entry in entries) == len(delivery)
