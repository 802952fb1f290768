"""What an incident says of the alerts in it: its severity, its title, and which of them come first."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.cause import Cause, CauseKind
from bot.domain.incident import Incident, IncidentStatus, Tally, most_important, severity_from
from bot.domain.inhibition import Folded
from bot.domain.severity import Severity
from bot.domain.summary.title import title_of
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
        ([tally("Down")], "checkout is down"),
        ([tally("Down", active=False)], "checkout was down"),
        ([tally("ServiceDown", service="")], "Service down"),
        ([tally("Down", severity="critical"), tally("Slow")], "checkout is down"),
        ([tally("Down", alerts=2), tally("Down", service="cart")], "checkout is down: cart affected too"),
        (
            [tally("Kind7", alerts=9), *(tally("Slow", name) for name in "abc")],
            "checkout: kind 7: 3 other services affected",
        ),
        (
            [tally("DiskFull", "db", "high"), *(tally("Slow", name) for name in "abc")],
            "db is running out of disk: 3 other services affected",
        ),
        ([tally("Odd", service=""), tally("Strange", service="")], "Odd: 2 alerts"),
        ([tally("Card payments are refused by the bank")], "checkout: Card payments are refused by the bank"),
    ],
)
def test_the_title_says_what_broke_where_and_how_far_it_reaches(tallies: list[Tally], title: str) -> None:
    assert title_of(tallies) == title


FIVE = [tally("HighLatency", name, "high") for name in ("a", "b", "c", "d", "e")]


@pytest.mark.parametrize(
    ("own", "kind", "title"),
    [
        ([tally("PostgresDown", "postgres-main")], "dependency", "postgres-main is down: 5 services affected"),
        ([tally("Strange", "postgres-main")], "unknown", "postgres-main: strange: 5 services affected"),
        ([tally("Strange", "postgres-main")], "resource", "postgres-main is short of resources: 5 services affected"),
        (
            [tally("HighErrorRate", "postgres-main")],
            "change",
            "postgres-main returns errors after a change: 5 services affected",
        ),
        ([], "dependency", "postgres-main seems to fail: 5 services affected"),
        ([], "change", "postgres-main was changed: 5 services affected"),
    ],
)
def test_the_title_names_the_cause_and_what_it_affects(own: list[Tally], kind: str, title: str) -> None:
    cause = Cause("postgres-main", CauseKind(kind), 0.8)
    assert title_of([*FIVE, *own], causes=[cause]) == title


def test_the_title_names_the_host_that_is_down_and_counts_what_it_takes_along() -> None:
    folded = [
        Folded("db-1", name, "HighLatency", Severity.HIGH, False, 2) for name in ("a", "b", "c", "d", "e", "db-1")
    ]
    down = [tally("InstanceDown", "db-1")]
    assert title_of(down, inhibited=folded) == "db-1 is down: 5 services affected"
    two = [*folded, Folded("db-2", "f", "HighLatency", Severity.HIGH, False, 1)]
    assert title_of(down, inhibited=two) == "db-1 and db-2 are down: 6 services affected"


def test_while_an_incident_is_open_only_what_fires_counts_and_afterwards_all_that_fired() -> None:
    cause = Cause("db", CauseKind.UNKNOWN, 0.8)
    ended = [one._replace(active=False) for one in FIVE]
    assert title_of([tally("Down", "db"), *ended], causes=[cause]) == "db is down"
    assert title_of([tally("Down", "db", active=False), *ended], causes=[cause]) == "db was down: 5 services affected"


@given(
    some,
    st.lists(
        st.builds(Cause, st.sampled_from(["checkout", "cart", ""]), st.sampled_from(CauseKind), st.just(0.7)),
        max_size=1,
    ),
)
def test_a_title_stays_as_it_is_while_nothing_changes(tallies: list[Tally], causes: list[Cause]) -> None:
    title = title_of(tallies, causes=causes)
    assert title.strip()
    assert title_of(tallies, title, causes) == title


@settings(max_examples=50)
@given(incidents())
def test_an_incident_is_open_until_it_is_resolved_and_knows_how_many_alerts_were_left_out(incident: Incident) -> None:
    assert incident.open == (incident.status in (IncidentStatus.TRIGGERED, IncidentStatus.ACKNOWLEDGED))
    assert incident.truncated == sum(incident.groups.values())


@given(st.sampled_from(CauseKind), st.text())
def test_every_kind_of_cause_can_be_said_of_any_service(kind: CauseKind, service: str) -> None:
    assert service in Cause(service, kind, 0.5).phrase
