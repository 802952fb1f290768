"""What a person does to an incident, as a rule: nothing is lost, and nothing is done twice."""

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import deed
from bot.domain.deed import Done, NotPossible, Rule
from bot.domain.incident import Incident, IncidentStatus, Tally, judged, severity_from
from bot.domain.severity import Severity
from tests.unit.strategies import NOON, incidents, tallies

ADA, BOB = "U0ADA", "U0BOB"
severities = st.sampled_from(Severity)
rules: st.SearchStrategy[Rule] = st.one_of(
    st.sampled_from([deed.acknowledge, deed.take, deed.unacknowledge, deed.resolve]),
    st.builds(deed.assigning, st.sampled_from([ADA, BOB])),
    st.builds(lambda firing: deed.reopening(firing=firing), st.booleans()),
    st.builds(deed.judging, st.none() | severities, st.none() | severities),
)


def _after(incident: Incident, done: list[Rule], user: str = ADA) -> Incident:
    for rule in done:
        outcome = rule(incident, user, NOON + timedelta(hours=1))
        incident = outcome.incident if isinstance(outcome, Done) else incident
    return incident


@given(incidents(), st.lists(rules, max_size=8))
def test_whatever_is_done_status_and_its_times_agree(incident: Incident, done: list[Rule]) -> None:
    fresh = msgspec.structs.replace(
        incident, status=IncidentStatus.TRIGGERED, resolved_at=None, acknowledged_by=None, owner=None, part_of=None
    )
    after = _after(fresh, done)
    assert (after.resolved_at is not None) is (after.status is IncidentStatus.RESOLVED)
    assert after.acknowledged_by is None or after.status is not IncidentStatus.TRIGGERED
    assert after.status is not IncidentStatus.ACKNOWLEDGED or after.looked_after_by
    assert (after.id, after.number, after.opened_at) == (fresh.id, fresh.number, fresh.opened_at)


@given(incidents(), rules)
def test_what_was_done_cannot_be_done_again_at_once(incident: Incident, rule: Rule) -> None:
    outcome = rule(incident, ADA, NOON)
    if isinstance(outcome, Done):
        assert isinstance(rule(outcome.incident, ADA, NOON), NotPossible)


@given(incidents(), severities, st.lists(tallies(), min_size=1, max_size=5))
def test_a_severity_that_was_set_holds_whatever_the_alerts_say(
    incident: Incident, severity: Severity, counted: list[Tally]
) -> None:
    opened = msgspec.structs.replace(incident, status=IncidentStatus.TRIGGERED, resolved_at=None, severity_by=None)
    held = _after(opened, [deed.judging(severity, None)])
    assert judged(held, counted).severity is severity
    assert judged(held, counted).alerts_severity is severity_from(counted)
    freed = _after(judged(held, counted), [deed.judging(None, severity_from(counted))])
    assert judged(freed, counted).severity is severity_from(counted)


@given(incidents())
def test_an_incident_without_alerts_keeps_its_severity(incident: Incident) -> None:
    assert judged(incident, []) == incident
