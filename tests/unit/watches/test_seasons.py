"""Rows by the weekday and hour of their moments, and what each season of a reference is compared with."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bot.domain.watched.monitor import MonitorRules, WatchedModel
from bot.domain.watched.reference import ReferenceRules
from bot.model_store.references import Lineage, Reference
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome, rules_from
from bot.watches.models.seasons.calendar import ALL, LEAST_ROWS, Season, Seasons, codes_of
from bot.watches.models.seasons.check import BySeason, check_by_season
from bot.watches.models.window import LoadedReference, Table, Window
from detectors.drift.profile import build

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
HOURLY = np.repeat([(MONDAY + timedelta(hours=at)).timestamp() for at in range(168)], LEAST_ROWS)


def codes(*moments: datetime, zone: str = "UTC") -> list[int]:
    return [int(one) for one in codes_of(np.array([one.timestamp() for one in moments]), zone)]


def test_an_hour_is_that_of_the_zone_and_of_its_summer_time() -> None:
    winter, summer = datetime(2026, 3, 27, 23, 30, tzinfo=UTC), datetime(2026, 4, 3, 23, 30, tzinfo=UTC)
    assert codes(winter, summer) == [4 * 24 + 23, 4 * 24 + 23]
    assert codes(winter, summer, zone="Europe/Berlin") == [5 * 24, 5 * 24 + 1]
    assert codes(winter, zone="Asia/Kathmandu") == [5 * 24 + 5]  # 5:15 on Saturday
    assert codes_of(np.array([np.nan, MONDAY.timestamp()]), "UTC").tolist() == [-1, 0]


def test_each_hour_of_the_week_is_a_season_where_the_reference_has_enough_of_it() -> None:
    assert Seasons.of(codes_of(HOURLY, "UTC"), ["weekday", "hour"]).apart == 168
    assert Seasons.of(codes_of(HOURLY, "UTC"), ["hour"]).apart == 24
    assert Seasons.of(codes_of(HOURLY, "UTC"), ["weekday"]).apart == 7


def test_a_season_with_too_few_rows_gets_a_wider_one() -> None:
    all_codes = codes_of(HOURLY, "UTC")
    few = all_codes[(all_codes != 3) | (np.cumsum(all_codes == 3) < LEAST_ROWS)]  # Monday 03:00 lacks one row
    seasons = Seasons.of(few, ["weekday", "hour"])
    assert seasons.used[3] == Season(None, 3, weekend=False)
    assert seasons.used[4] == Season(0, 4)
    only_noon = Seasons.of(all_codes[all_codes % 24 == 12], ["weekday", "hour"])
    assert {only_noon.used[3].in_words, only_noon.used[5 * 24 + 3].in_words} == {"working days", "weekends"}
    assert Seasons.of(all_codes[all_codes == 12], ["weekday", "hour"]).used[5 * 24] == ALL
    assert Seasons.of(np.array([12] * 50 + [13]), ["hour"]).used[13] == ALL


def test_rows_on_both_sides_of_an_hour_are_of_two_seasons() -> None:
    seasons = Seasons.of(codes_of(HOURLY, "UTC"), ["hour"])
    parts = seasons.split(np.array([10, 10, 11, -1]))
    assert {season.in_words: mask.tolist() for season, mask in parts.items()} == {
        "10:00": [True, True, False, False],
        "11:00": [False, False, True, False],
        "all rows": [False, False, False, True],
    }


def loaded(moments: np.ndarray[Any, Any] | None) -> LoadedReference:
    values = np.random.default_rng(0).normal(size=len(HOURLY))
    table = Table(len(values), {"x": values}, moments=moments)
    reference = Reference("m", "v", "digest", "profile", len(values), {}, Lineage(), NOW)
    return LoadedReference(reference, build({"x": values}), table, build({}), {})


def window(*moments: datetime) -> Window:
    return Window(
        Table(len(moments), {"x": np.zeros(len(moments))}, moments=np.array([m.timestamp() for m in moments]))
    )


def given(reference: LoadedReference, rows: Window, state: bytes = b"") -> CheckInput:
    return CheckInput(WatchedModel(), state, rows, reference)


def by(now: datetime = NOW, **rules: Any) -> BySeason:
    return BySeason(ReferenceRules.model_validate(rules), {}, now)


def judge(rules: MonitorRules, check: CheckInput) -> Outcome:
    """Fires where there is one row; its state is what it may get wrong, and beside how many rows."""
    learnt = f"{rules.alpha:.6f} {check.loaded().features.rows} {check.loaded().table.rows}"
    return Outcome(learnt.encode(), check.window.table.rows == 1, "odd" if check.window.table.rows == 1 else "fine")


DRIFT: MonitorRules = rules_from({"kind": "drift"})


def test_all_seasons_together_have_the_alpha_of_the_monitor_and_each_its_own_rows() -> None:
    rows = window(MONDAY, MONDAY, MONDAY + timedelta(hours=1))
    outcome = check_by_season(judge, DRIFT, given(loaded(HOURLY), rows), by(by=["weekday", "hour"]))
    share = f"{0.05 / 168:.6f} {LEAST_ROWS} {LEAST_ROWS}".encode()
    assert outcome.seasons == {"0/0": share, "0/1": share}
    assert (outcome.firing, outcome.summary) == (True, "Monday 01:00: odd")


def test_a_finding_stands_for_a_day_where_no_rows_of_its_season_come() -> None:
    rules, reference = by(by="hour"), loaded(HOURLY)
    found = check_by_season(judge, DRIFT, given(reference, window(MONDAY)), rules)
    other = window(*[MONDAY + timedelta(hours=1)] * 2)
    later = rules._replace(now=NOW + timedelta(hours=23))
    still = check_by_season(judge, DRIFT, given(reference, other, found.state), later)
    assert (still.firing, still.summary) == (True, "00:00: odd (at 2026-04-01 00:00 UTC, no rows of it since)")
    over = check_by_season(judge, DRIFT, given(reference, other, still.state), by(NOW + timedelta(hours=24), by="hour"))
    assert (over.firing, over.summary) == (False, "01:00: fine")
    good = check_by_season(judge, DRIFT, given(reference, window(MONDAY, MONDAY), found.state), rules)
    assert not good.firing


def test_a_reference_without_timestamps_is_compared_as_a_whole_and_says_so() -> None:
    outcome = check_by_season(judge, DRIFT, given(loaded(None), window(MONDAY, MONDAY)), by(by="hour"))
    assert outcome.state == f"0.050000 {len(HOURLY)} {len(HOURLY)}".encode()
    assert "no timestamps" in outcome.summary


def test_a_season_that_cannot_be_checked_is_named_and_no_others_wait_for_it() -> None:
    def some(rules: MonitorRules, check: CheckInput) -> Outcome:
        if check.window.table.rows == 1:
            raise CheckSkipped("too few")
        return judge(rules, check)

    rows = window(MONDAY, MONDAY, MONDAY + timedelta(hours=1))
    outcome = check_by_season(some, DRIFT, given(loaded(HOURLY), rows), by(by="hour"))
    assert outcome.summary == "00:00: fine (01:00 is not checked: too few)"
    with pytest.raises(CheckSkipped, match="01:00: too few"):
        check_by_season(some, DRIFT, given(loaded(HOURLY), window(MONDAY + timedelta(hours=1))), by(by="hour"))


@pytest.mark.parametrize(
    "raw, problem",
    [
        ({}, "say by"),
        ({"by": ["hour", "hour"]}, "twice"),
        ({"by": "month"}, "'version', 'weekday' or 'hour'"),
        ({"by": "version", "zone": "Europe/Berlin"}, "zone is of weekday and hour"),
        ({"by": "hour", "zone": "Berlin"}, "no time zone"),
        ({"by": "hour", "gap": "1d"}, "gap is for rolling"),
        ({"rolling": "1m"}, "an hour at least"),
        ({"rolling": "1d", "gap": "20d"}, "10 times rolling at most"),
    ],
)
def test_rules_that_mean_nothing_are_refused(raw: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        ReferenceRules.model_validate(raw)


@pytest.mark.parametrize(
    "monitor, seasonal",
    [
        ({"kind": "drift"}, True),
        ({"kind": "drift", "engine": "alibi"}, False),
        ({"kind": "quality"}, False),
        ({"kind": "labels", "coverage_at_least": 0.1}, False),
        ({"kind": "performance", "metric": "mae"}, True),
        ({"kind": "performance", "metric": "mae", "maximum": 3}, False),
        ({"kind": "estimated_performance", "metric": "mae", "maximum": 3}, True),
    ],
)
def test_monitors_that_compare_have_seasons(monitor: dict[str, Any], seasonal: bool) -> None:
    model = WatchedModel(references=ReferenceRules(by=["hour"]))
    assert (model.seasons_of(rules_from(monitor)) is not None) is seasonal
    assert WatchedModel(references=ReferenceRules(by=["version"])).seasons_of(rules_from(monitor)) is None
