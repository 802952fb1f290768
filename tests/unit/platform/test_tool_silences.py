"""Who changed a silence that a tool and we both have, and what follows: always the same end on both sides."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.silence import Silence
from bot.integrations.silences import Step, TheirSilence, step_for
from bot.storage.queries.tools import SilenceLink

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AGREED = NOON + timedelta(hours=1)


def link(**fields: str) -> SilenceLink:
    return SilenceLink(tool="alertmanager", silence_id="ab12", there="x", ends_at=AGREED, **fields)


def ours(ends_at: datetime = AGREED, origin: str = "") -> Silence:
    return Silence(id="ab12", matchers=[], starts_at=NOON, ends_at=ends_at, created_by="U012AB3CD", origin=origin)


def theirs(ends_at: datetime = AGREED, expired: bool = False) -> TheirSilence:
    return TheirSilence(
        id="x", matchers=[], starts_at=NOON, ends_at=ends_at, expired=expired, created_by="Tandem", comment=""
    )


@pytest.mark.parametrize(
    ("here", "there", "step"),
    [
        (ours(), theirs(), Step.KEEP),
        (ours(), theirs(AGREED - timedelta(milliseconds=999)), Step.KEEP),
        (ours(NOON), theirs(), Step.END_THERE),
        (ours(NOON, "alertmanager"), theirs(), Step.END_THERE),
        (ours(), theirs(NOON, expired=True), Step.TAKE_END),
        (ours(), theirs(AGREED + timedelta(hours=1)), Step.TAKE_END),
        (ours(), None, Step.MAKE_AGAIN),
        (ours(origin="alertmanager"), None, Step.END_HERE),
        (ours(NOON), theirs(NOON, expired=True), Step.FORGET),
        (ours(NOON), None, Step.FORGET),
        (None, theirs(), Step.END_THERE),
        (ours(AGREED + timedelta(hours=1)), theirs(), Step.CHANGE_THERE),
        (ours(AGREED + timedelta(hours=1)), None, Step.MAKE_AGAIN),
    ],
)
def test_the_side_whose_end_has_changed_is_followed(
    here: Silence | None, there: TheirSilence | None, step: Step
) -> None:
    assert step_for(link(), here, there, NOON) is step


def test_what_a_tool_refused_is_left_alone_until_it_is_over_on_both_sides() -> None:
    refused = link(refused="status 400")
    assert step_for(refused, ours(NOON), theirs(), NOON) is Step.KEEP
    assert step_for(refused, ours(), None, NOON) is Step.KEEP
    assert step_for(refused, ours(NOON), None, NOON) is Step.FORGET


ends = st.integers(-7200, 7200).map(lambda seconds: NOON + timedelta(seconds=seconds))


@given(ends, ends, st.booleans())
def test_whatever_has_changed_two_rounds_settle_it(here: datetime, there: datetime, expired: bool) -> None:
    """After the step is taken nothing is left to do but to forget: no end goes to and fro."""
    mine, other, agreed = ours(here), theirs(there, expired), link()
    for _ in range(2):
        match step_for(agreed, mine, other, NOON):
            case Step.END_THERE:
                other = theirs(NOON, expired=True)
                agreed = msgspec.structs.replace(agreed, ends_at=mine.ends_at)
            case Step.CHANGE_THERE | Step.MAKE_AGAIN:
                other, agreed = theirs(mine.ends_at), msgspec.structs.replace(agreed, ends_at=mine.ends_at)
            case Step.TAKE_END:
                moved = min(other.ends_at, NOON) if other.expired else other.ends_at
                mine, agreed = ours(moved), msgspec.structs.replace(agreed, ends_at=moved)
    assert step_for(agreed, mine, other, NOON) in (Step.KEEP, Step.FORGET)
