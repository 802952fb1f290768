"""Earned autonomy: what a record of runs has earned, and that nothing but verified successes earns anything."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.runs.autonomy import Autonomy, Past, outside_of, standing_of, successes_needed
from bot.domain.severity import Severity
from detectors.earned import ALPHA, evidence, lower_bound

records = st.lists(st.sampled_from([True, True, True, False, None]), max_size=60)
RULES = Autonomy(after=5, at_least=0.5)


def past(*outcomes: bool | None, by_people: bool = True) -> list[Past]:
    return [Past(str(at), good, by_people, ["pool"], {"replicas": 3 + at % 3}) for at, good in enumerate(outcomes)]


def test_it_is_earned_with_so_many_successes_and_the_bound_and_no_sooner() -> None:
    assert standing_of(past(*[True] * 5)).missing(RULES) == []
    assert standing_of(past(*[True] * 4)).missing(RULES)[0].startswith("1 more verified success that")
    strict = Autonomy(after=10, at_least=0.9)
    [why] = standing_of(past(*[True] * 10)).missing(strict)
    assert why == "a rate that exceeds 0.9 for sure, not 0.71 (about 23 more successes in a row)"
    assert standing_of(past(*[True] * 33)).missing(strict) == []


@given(records)
def test_the_last_bad_run_takes_all_away_until_people_have_approved_as_many_anew(outcomes: list[bool | None]) -> None:
    lost = standing_of([*past(*[True] * 50), *past(*outcomes), *past(False)])
    assert lost.missing(RULES)[0] == "5 more verified successes that people approve (0 of 5 since its last bad run)"


@given(records, st.integers(0, 60))
def test_what_was_not_verified_silenced_or_merged_never_counts(outcomes: list[bool | None], at: int) -> None:
    poisoned = [*outcomes[:at], *[None] * 40, *outcomes[at:]]
    one, other = standing_of(past(*outcomes)), standing_of(past(*poisoned))
    assert (one.successes, one.failures, one.weight) == (other.successes, other.failures, other.weight)
    assert len(one.since_loss) == len(other.since_loss)


def test_runs_that_tandem_approved_itself_are_no_approvals_of_people() -> None:
    alone = standing_of(past(*[True] * 40, by_people=False))
    assert alone.since_loss == [] and alone.successes == 40


@given(records)
def test_a_recent_failure_weighs_more_than_one_of_long_ago(outcomes: list[bool | None]) -> None:
    recent, long_ago = standing_of(past(*outcomes, False)), standing_of(past(False, *outcomes))
    assert recent.bound <= long_ago.bound + 1e-9


@given(st.integers(0, 300), st.floats(0, 20), st.floats(0.01, 0.99))
def test_more_failures_never_help_and_more_successes_never_hurt_the_bound(
    successes: int, failures: float, rate: float
) -> None:
    assert evidence(successes, failures + 1, rate) <= evidence(successes, failures, rate) * (1 + 1e-9)
    assert lower_bound(successes + 1, failures) >= lower_bound(successes, failures) - 1e-9


def test_the_successes_that_it_says_are_needed_are_just_enough() -> None:
    standing = standing_of(past(*[True] * 20, False, *[True] * 5))
    needed = successes_needed(standing, 0.8)
    enough = [*[True] * 20, False, *[True] * (5 + needed)]
    rules = Autonomy(after=1, at_least=0.8)
    assert standing_of(past(*enough)).missing(rules) == []
    assert standing_of(past(*enough[:-1])).missing(rules) != []


@pytest.mark.montecarlo
def test_looking_after_every_run_gives_trust_wrongly_to_few_records_in_their_whole_life() -> None:
    draw = random.Random(1)
    given_wrongly = 0
    for _ in range(600):
        successes = failures = 0
        for _ in range(120):
            good = draw.random() < 0.8
            successes, failures = successes + good, failures + (not good)
            if evidence(successes, failures, 0.8) >= 1 / ALPHA:
                given_wrongly += 1
                break
    assert given_wrongly / 600 <= 0.05


@pytest.mark.parametrize(
    "targets, parameters, why",
    [
        (["pool"], {"replicas": 4}, ""),
        (["pool"], {"replicas": 6}, "replicas 6 is outside of what people have approved"),
        (["pool"], {"zone": "b"}, "zone b is outside of what people have approved"),
        (["db"], {"replicas": 4}, "people have approved no successful run of it on db"),
    ],
)
def test_a_plan_that_people_never_approved_is_outside(
    targets: list[str], parameters: dict[str, int | float | str], why: str
) -> None:
    assert outside_of(past(True, True, True), targets, parameters) == why


def test_a_failed_run_makes_nothing_known() -> None:
    assert outside_of(past(False), ["pool"], {}) != ""


def test_severity_and_notice_have_defaults() -> None:
    assert (RULES.severity_at_most, RULES.notice.total_seconds()) == (Severity.HIGH, 60)
