"""When a scheduled drill takes place, and in which domain drills are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.domain.runs.drill import Check, DrillSchedule, Rehearsal, drill_domain, real_domain

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WEEKLY = DrillSchedule.model_validate({"every": "7d", "at": "10:00", "zone": "Europe/Berlin"})


def test_a_weekly_drill_takes_place_at_its_time_of_day() -> None:
    last = datetime(2026, 3, 2, 9, 0, 20, tzinfo=UTC)  # 10:00:20 in Berlin
    assert not WEEKLY.due(last, last + timedelta(days=6, hours=23, minutes=59))
    assert WEEKLY.due(last, datetime(2026, 3, 9, 9, 0, tzinfo=UTC))


def test_the_first_drill_waits_for_its_time_of_day() -> None:
    assert not WEEKLY.due(None, datetime(2026, 3, 2, 8, 59, tzinfo=UTC))
    assert WEEKLY.due(None, datetime(2026, 3, 2, 9, 0, tzinfo=UTC))


def test_without_a_time_of_day_it_is_due_at_once_and_then_after_each_span() -> None:
    hourly = DrillSchedule.model_validate({"every": "1h"})
    assert hourly.due(None, NOON) and hourly.due(NOON, NOON + timedelta(hours=1))
    assert not hourly.due(NOON, NOON + timedelta(minutes=59))


@pytest.mark.parametrize("wrong", [{"every": "1m"}, {"every": "6h", "at": "10:00"}, {"zone": "Berlin"}, {"on": "mon"}])
def test_a_schedule_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DrillSchedule.model_validate(wrong)


def test_a_drill_is_in_a_domain_of_its_own_and_guarded_as_in_the_real_one() -> None:
    assert drill_domain("eu-1") != "eu-1" and real_domain(drill_domain("eu-1")) == real_domain("eu-1") == "eu-1"


def test_what_was_not_looked_at_neither_passes_nor_fails() -> None:
    checks = [Check("plan", True, ""), Check("guards", None, "frozen")]
    assert Rehearsal("r", "R", checks).ok
    failed = Rehearsal("r", "R", [*checks, Check("preview", False, "it broke")])
    assert (failed.ok, failed.failures) == (False, ["preview: it broke"])
