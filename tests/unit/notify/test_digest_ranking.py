"""In a flood the most severe come first, and among those what cannot be forged counts most."""

import pytest

from bot.domain.severity import Severity
from bot.notify.digest.pace import A_MINUTE, AT_ONCE, SPACED, Pace
from bot.notify.digest.ranking import Evidence, Standing, rank_of, standing_of

CRITICAL = Severity.CRITICAL
BARE = Evidence(severity=CRITICAL)
REPEATED = Evidence(severity=CRITICAL, repeated=True, alerts=500, sources=9, run=True, risen=True, seen_before=True)
KNOWN = Evidence(severity=CRITICAL, known=True)
HANDLED = Evidence(severity=CRITICAL, acknowledged=True)


@pytest.mark.parametrize("severity", list(Severity)[1:])
def test_severity_comes_before_attestation(severity: Severity) -> None:
    best = Evidence(severity=severity, known=True, acknowledged=True, run=True, repeated=True, alerts=9, sources=9)
    assert rank_of(BARE) < rank_of(best)


def test_no_repetition_outweighs_a_known_service_and_no_label_a_person() -> None:
    ranked = [rank_of(one) for one in (HANDLED, KNOWN, REPEATED, BARE)]
    assert ranked == sorted(set(ranked))


@pytest.mark.parametrize(
    "more",
    [
        Evidence(severity=CRITICAL, repeated=True),
        Evidence(severity=CRITICAL, alerts=2),
        Evidence(severity=CRITICAL, sources=2),
        Evidence(severity=CRITICAL, run=True),
        Evidence(severity=CRITICAL, seen_before=True),
        Evidence(severity=CRITICAL, risen=True),
    ],
)
def test_whatever_speaks_for_an_incident_brings_it_forward(more: Evidence) -> None:
    assert rank_of(more) < rank_of(BARE)


def test_the_standings() -> None:
    found = [standing_of(one) for one in (BARE, REPEATED, KNOWN, HANDLED)]
    assert found == [Standing.UNKNOWN, Standing.SUPPORTED, Standing.KNOWN, Standing.HANDLED]
    assert standing_of(Evidence(severity=CRITICAL, repeated=True)) is Standing.UNKNOWN


class Timer:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def timer() -> Timer:
    return Timer()


def test_of_a_flood_so_many_are_posted_at_once_and_those_that_are_known_all_the_same(timer: Timer) -> None:
    pace = Pace(timer)
    pace.flood_began()
    pace.new_came(150)
    for _ in range(AT_ONCE):
        assert Standing.UNKNOWN in pace.allowed()
        pace.posted(Standing.UNKNOWN)
    assert set(pace.allowed()) == {Standing.SUPPORTED, Standing.KNOWN, Standing.HANDLED}
    for _ in range(A_MINUTE - AT_ONCE):
        pace.posted(Standing.SUPPORTED)
    assert set(pace.allowed()) == {Standing.KNOWN, Standing.HANDLED}
    for _ in range(AT_ONCE):
        pace.posted(Standing.KNOWN)
    assert list(pace.allowed()) == [Standing.HANDLED]


def test_when_it_is_calm_the_others_follow_slowly(timer: Timer) -> None:
    pace = Pace(timer)
    pace.new_came(AT_ONCE + 1)
    timer.now += 59
    assert Standing.UNKNOWN not in pace.allowed()
    timer.now += 1
    assert Standing.UNKNOWN in pace.allowed()
    pace.posted(Standing.UNKNOWN)
    assert Standing.UNKNOWN not in pace.allowed()
    timer.now += SPACED
    pace.new_came(AT_ONCE)
    assert Standing.UNKNOWN in pace.allowed(), "so many are no flood"
    pace.new_came(1)
    assert Standing.UNKNOWN not in pace.allowed(), "it begins anew"


def test_more_than_so_many_in_a_minute_are_a_flood(timer: Timer) -> None:
    pace = Pace(timer)
    for _ in range(A_MINUTE):
        assert pace.room
        timer.now += 0.5
        pace.posted(Standing.UNKNOWN)
    assert not pace.room
    timer.now += 60
    assert pace.room
