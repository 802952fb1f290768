"""What an incident says of the alerts in it: its severity, its title, and which of them come first."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.cause import Cause, CauseKind
from bot.domain.incident import Incident, IncidentStatus, Tally, most_important, severity_from
from bot.domain.severity import Severity
from bot.incidents.description import title_of
from tests.unit.strategies import NOON, incidents, tallies

some = st.lists(tallies(), max_size=8)


def tally(
    name: str, service: str = "checkout", severity: str = "warning", active: bool = True, alerts: int = 1
) -> Tally:
    return Tally("i", service, name, Severity(severity), active, False, alerts, NOON)


def test_active_comes_before_quiet_severe_before_mild_many_before_few_early_before_late() -> None:
    quiet = tally("quiet", severity="critical", active=False)
    mild, severe = tally("mild"), tally("severe", severity="critical")
    many = tally("many", alerts=9)
    late = tally("late")._replace(first_at=NOON + timedelta(seconds=1))
    assert most_important([quiet, late, mild, many, severe]) == [severe, many, mild, late, quiet]


@settings(max_examples=50)
@given(some, st.randoms())
def test_the_order_does_not_depend_on_the_order_in_which_they_are_counted(tallies: list[Tally], random: Random) -> None:
    shuffled = list(tallies)
    random.shuffle(shuffled)
    ranked = most_important(tallies)
    assert [t[1:5] + t[6:] for t in most_important(shuffled)] == [t[1:5] + t[6:] for t in ranked]
    assert sorted(map(str, ranked)) == sorted(map(str, tallies))
    assert title_of(shuffled) == title_of(tallies)


@given(some)
def test_the_severity_is_the_worst_of_what_is_active_or_else_of_what_was(tallies: list[Tally]) -> None:
    counted = [t for t in tallies if t.active] or tallies
    expected = min((t.severity for t in counted), key=lambda severity: severity.rank, default=Severity.INFO)
    assert severity_from(tallies) is expected


@pytest.mark.parametrize(
    "tallies, title",
    [
        ([], "Incident"),
        ([tally("Down")], "Down on checkout"),
        ([tally("Down", service="")], "Down"),
        ([tally("Down", severity="critical"), tally("Slow")], "Down on checkout and 1 more"),
        ([tally("Down", alerts=2), tally("Down", severity="critical")], "Down on checkout"),
        ([tally("Down", alerts=2), tally("Down", service="cart")], "Down on checkout and 1 more"),
        ([tally("Slow", alerts=9), tally("Down", severity="high"), tally("Full")], "Down on checkout and 2 more"),
    ],
)
def test_the_title_says_what_broke_where_and_how_much_else(tallies: list[Tally], title: str) -> None:
    assert title_of(tallies) == title


@settings(max_examples=50)
@given(incidents())
def test_an_incident_is_open_until_it_is_resolved_and_knows_how_many_alerts_were_left_out(incident: Incident) -> None:
    assert incident.open == (incident.status in (IncidentStatus.TRIGGERED, IncidentStatus.ACKNOWLEDGED))
    assert incident.truncated == sum(incident.groups.values())


@given(st.sampled_from(CauseKind), st.text())
def test_every_kind_of_cause_can_be_said_of_any_service(kind: CauseKind, service: str) -> None:
    assert service in Cause(service, kind, 0.5).phrase
