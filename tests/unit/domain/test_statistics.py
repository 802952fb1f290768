"""Figures about the incidents of some time."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.review.statistics import NOBODY, Life, by_name, figures_of
from tests.unit.strategies import NOON, moments

MINUTE = timedelta(minutes=1)
spans = st.timedeltas(timedelta(0), timedelta(days=2))
lives = st.builds(
    Life,
    number=st.integers(1, 99),
    services=st.lists(st.sampled_from(["cart", "mail", "pay"]), max_size=3),
    called_at=moments,
    acknowledged_at=st.none() | moments,
    lasted=st.none() | spans,
    reopened=st.booleans(),
    verified=st.booleans(),
    acted_upon=st.booleans(),
)


def life(**more: Any) -> Life:
    fields: dict[str, Any] = {
        "number": 1,
        "services": ["cart"],
        "called_at": NOON,
        "acknowledged_at": None,
        "lasted": None,
        "reopened": False,
        "verified": False,
        "acted_upon": False,
    }
    return Life(**fields | more)


def test_how_fast_people_were_is_the_mean_over_those_incidents_that_know_it() -> None:
    quick = life(acknowledged_at=NOON + 2 * MINUTE, acted_upon=True, lasted=10 * MINUTE, verified=True)
    slow = life(acknowledged_at=NOON + 4 * MINUTE, acted_upon=True, lasted=30 * MINUTE, reopened=True)
    found = figures_of([quick, slow, life()], UTC)
    assert (found.incidents, found.mtta, found.mttr) == (3, 3 * MINUTE, 20 * MINUTE)
    assert (found.reopened, found.verified) == (1, 1)
    assert figures_of([life()], UTC)[1:3] == (None, None)


def test_noise_is_what_ended_without_anybody_acting_upon_it() -> None:
    ended, acted, open_one = life(lasted=MINUTE), life(lasted=MINUTE, acted_upon=True), life()
    assert figures_of([ended, acted, open_one], UTC).noise == 1


def test_a_night_counts_once_and_is_that_of_the_time_zone() -> None:
    evening, later = datetime(2026, 3, 1, 22, 30, tzinfo=UTC), datetime(2026, 3, 2, 6, 59, tzinfo=UTC)
    day = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
    called = [life(called_at=at) for at in (evening, later, day)]
    assert figures_of(called, UTC).nights == 1
    assert figures_of(called, timezone(timedelta(hours=10))).nights == 0


@given(st.lists(lives, max_size=8))
def test_each_name_has_the_incidents_that_are_its(found: list[Life]) -> None:
    grouped = by_name(found, lambda one: one.services, UTC)
    for name, figures in grouped.items():
        own = [one for one in found if name in one.services or (name == NOBODY and not one.services)]
        assert figures == figures_of(own, UTC)
    counts = [figures.incidents for figures in grouped.values()]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) >= len(found)
