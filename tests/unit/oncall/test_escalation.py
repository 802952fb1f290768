"""Whom to call next: steps in order, waits, rounds, and what an acknowledgement, a resolution or a reopening does."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from pydantic import ValidationError

from bot.domain.incident import Incident, IncidentStatus
from bot.domain.oncall.escalation import (
    PAUSE,
    Escalating,
    Escalation,
    Place,
    State,
    after_step,
    brought_forward,
    settled,
)
from bot.routing.escalations.steady_clock import SteadyClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INCIDENT = msgspec.convert(
    {
        "id": "i",
        "number": 1,
        "domain": "",
        "partition": 0,
        "status": "triggered",
        "severity": "critical",
        "opened_at": NOON,
        "active_at": NOON,
        "changed_at": NOON,
    },
    Incident,
)


def rules(*after: str, **more: object) -> Escalation:
    steps = [{"after": one, "mention": ["U012AB3CD"]} for one in after]
    return Escalation.model_validate({"steps": steps, **more})


def becomes(known: Escalating, escalation: Escalation | None, now: datetime, status: str = "triggered") -> Escalating:
    incident = msgspec.structs.replace(INCIDENT, status=IncidentStatus(status), version=known.version + 1)
    return settled(known, incident, "shop" if escalation else "", escalation, now)


def test_steps_come_when_their_time_has_come_since_the_beginning_and_then_all_again() -> None:
    escalation = rules("0m", "10m", "25m", repeat=1)
    known = becomes(Escalating(incident_id="i"), escalation, NOON)
    due = []
    while known.state is State.CALLING and known.due_at:
        due.append((known.place, known.due_at - NOON))
        known = after_step(known, escalation, known.due_at, reached=True)
    assert due == [
        (Place(0, 0), 0 * MINUTE),
        (Place(0, 1), 10 * MINUTE),
        (Place(0, 2), 25 * MINUTE),
        (Place(1, 0), 40 * MINUTE),
        (Place(1, 1), 50 * MINUTE),
        (Place(1, 2), 65 * MINUTE),
    ]
    assert known.state is State.EXHAUSTED


def test_steps_without_a_time_between_them_are_repeated_after_a_pause() -> None:
    assert rules("0m", repeat=1).wait_before(Place(1, 0)) == PAUSE


def test_a_step_that_reached_nobody_is_not_waited_for_but_the_next_round_is() -> None:
    escalation = rules("0m", "10m", repeat=1)
    known = becomes(Escalating(incident_id="i"), escalation, NOON)
    known = after_step(known, escalation, NOON, reached=False)
    assert known.due_at == NOON
    known = after_step(known, escalation, NOON, reached=False)
    assert (known.place, known.due_at) == (Place(1, 0), NOON + 10 * MINUTE)


def test_after_an_outage_steps_do_not_come_all_at_once() -> None:
    escalation = rules("0m", "10m", "20m")
    known = becomes(Escalating(incident_id="i"), escalation, NOON)
    late = NOON + timedelta(hours=1)
    assert after_step(known, escalation, late, reached=True).due_at == late + 10 * MINUTE
    a_little = NOON + timedelta(seconds=1)
    assert after_step(known, escalation, a_little, reached=True).due_at == NOON + 10 * MINUTE


def test_an_acknowledgement_ends_it_and_reminds_and_a_resolution_ends_that() -> None:
    escalation = rules("0m", remind="4h")
    known = becomes(Escalating(incident_id="i"), escalation, NOON)
    known = becomes(known, escalation, NOON, "acknowledged")
    assert (known.state, known.due_at) == (State.ACKNOWLEDGED, NOON + timedelta(hours=4))
    again = becomes(known, escalation, NOON + MINUTE, "acknowledged")
    assert again.due_at == known.due_at, "another change of the incident puts off no reminder"
    known = becomes(known, escalation, NOON, "resolved")
    assert (known.state, known.due_at) == (State.OVER, None)


@pytest.mark.parametrize("before", ["acknowledged", "resolved"])
def test_it_begins_anew_where_nobody_has_it_any_more(before: str) -> None:
    escalation = rules("5m")
    known = becomes(Escalating(incident_id="i"), escalation, NOON)
    known = becomes(becomes(known, escalation, NOON, before), escalation, NOON + MINUTE)
    assert (known.state, known.cycle, known.due_at) == (State.CALLING, 2, NOON + 6 * MINUTE)


def test_a_change_of_the_incident_does_not_begin_it_anew_and_another_escalation_does() -> None:
    escalation = rules("0m", "10m")
    known = after_step(becomes(Escalating(incident_id="i"), escalation, NOON), escalation, NOON, reached=True)
    changed = becomes(known, escalation, NOON + MINUTE)
    assert (changed.place, changed.due_at, changed.cycle) == (known.place, known.due_at, 1)
    other = settled(known, msgspec.structs.replace(INCIDENT, version=9), "other", escalation, NOON)
    assert (other.name, other.place, other.cycle) == ("other", Place(0, 0), 2)


def test_what_no_escalation_applies_to_calls_nobody() -> None:
    assert becomes(Escalating(incident_id="i"), None, NOON).state is State.OVER


def test_where_the_clock_was_put_back_nothing_is_waited_for_longer_than_meant() -> None:
    known = becomes(Escalating(incident_id="i"), rules("10m"), NOON)
    earlier = NOON - timedelta(hours=5)
    assert brought_forward(known, earlier).due_at == earlier + 10 * MINUTE
    assert brought_forward(known, NOON + MINUTE) is known


def test_a_clock_that_jumps_is_followed_in_its_drift_only() -> None:
    wall, elapsed = [NOON], [0.0]
    clock = SteadyClock(lambda: wall[0], lambda: elapsed[0])
    wall[0], elapsed[0] = wall[0] + timedelta(hours=3, seconds=10), 10.0
    assert clock() == NOON + timedelta(seconds=10)
    wall[0], elapsed[0] = wall[0] + timedelta(seconds=60.5), 70.0
    assert clock() == NOON + timedelta(seconds=70.5)
    wall[0], elapsed[0] = wall[0] - timedelta(days=1), 80.0
    assert clock() == NOON + timedelta(seconds=80.5)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({"steps": []}, "at least 1"),
        ({"steps": [{"after": "1m"}]}, "say whom to call"),
        ({"steps": [{"after": "10m", "mention": ["U1"]}, {"after": "5m", "mention": ["U1"]}]}, "may not decrease"),
        ({"steps": [{"mention": ["@ana"]}]}, "no Slack user id"),
        ({"steps": [{"mention": [{"rota": "shop"}]}]}, "schedule: NAME"),
        ({"steps": [{"mention": ["U1"]}], "repeat": -1}, "greater than or equal to 0"),
        ({"steps": [{"webhook": {"url": "shop"}}]}, "write an address"),
    ],
)
def test_what_is_no_escalation_is_an_error_that_says_how_to_write_it(written: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Escalation.model_validate(written)


def test_the_escalation_of_the_design_is_taken_as_it_is_written() -> None:
    made = Escalation.model_validate(
        {
            "steps": [
                {"after": "0m", "mention": [{"schedule": "shop"}]},
                {"after": "10m", "mention": ["S0SHOPGRP"]},
                {"after": "20m", "pagerduty": {"secret": "PD_ROUTING_KEY"}},
            ],
            "repeat": 2,
        }
    )
    assert made.steps[0].mention == ["schedule:shop"]
    assert made.steps[2].pagerduty is not None
    assert made.following(Place(2, 2)) is None
