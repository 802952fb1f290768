"""Runbooks: what may be written, and when one fits an incident."""

import hashlib
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.cause import Cause, CauseKind
from bot.domain.incident import Incident, IncidentStatus, Tally
from bot.domain.runbook import Approval, Runbook, Step, When, definition_hash, fits
from bot.domain.severity import Severity
from tests.unit.strategies import NOON, hostile, incidents, tallies

WRITTEN: dict[str, Any] = {
    "title": "Scale out the pool",
    "when": {"service": "pool", "cause": "resource"},
    "steps": [{"command": {"argv": ["scale", "3"]}}],
    "approval": {"approvers": ["U012AB3CD"]},
}


def incident(severity: str = "warning", services: tuple[str, ...] = ("pool",), *causes: Cause) -> Incident:
    return Incident(
        id="i",
        number=1,
        domain="eu",
        partition=0,
        status=IncidentStatus.TRIGGERED,
        severity=Severity(severity),
        services=list(services),
        causes=list(causes),
        opened_at=NOON,
        active_at=NOON,
        changed_at=NOON,
    )


RESOURCE = Cause("pool", CauseKind.RESOURCE, 0.9)
STORAGE = Cause("pool", CauseKind.STORAGE, 0.9)
DATA = Cause("sales", CauseKind.DATA, 0.9)


@pytest.mark.parametrize(
    "when, known, fitting",
    [
        ({"service": "pool"}, incident(), True),
        ({"service": "web"}, incident(), False),
        ({"service": "web"}, incident("warning", ("pool", "web")), True),
        ({"cause": "resource"}, incident(), False),
        ({"cause": "resource"}, incident("warning", ("pool",), RESOURCE), True),
        ({"cause": "resource"}, incident("warning", ("pool",), DATA, RESOURCE), False),
        ({"cause": "resource"}, incident("warning", ("pool",), STORAGE), True),
        ({"cause": "storage"}, incident("warning", ("pool",), STORAGE), True),
        ({"cause": "storage"}, incident("warning", ("pool",), RESOURCE), False),
        ({"cause": "resource", "service": "pool"}, incident("warning", ("web", "pool"), RESOURCE), True),
        ({"cause": "resource", "service": "web"}, incident("warning", ("web", "pool"), RESOURCE), False),
        ({"severity": "high"}, incident("critical"), True),
        ({"severity": "high"}, incident("high"), True),
        ({"severity": "high"}, incident("warning"), False),
        ({"alertname": "Down"}, incident(), True),
        ({"alertname": "Slow"}, incident(), False),
        ({"alertname": "Gone"}, incident(), False),
        ({"service": "pool", "severity": "info", "alertname": "Down"}, incident(), True),
    ],
)
def test_a_runbook_fits_when_all_that_it_says_holds(when: dict[str, str], known: Incident, fitting: bool) -> None:
    active = Tally("i", "pool", "Down", Severity.WARNING, True, False, 1, NOON)
    quiet = active._replace(name="Slow", active=False)
    assert fits(When.model_validate(when), known, [active, quiet]) == fitting


conditions = st.fixed_dictionaries(
    {},
    optional={
        "service": st.sampled_from(["HighLatency", "Down"]),
        "cause": st.sampled_from(CauseKind),
        "alertname": st.sampled_from(["HighLatency", "Down"]),
        "severity": st.sampled_from(Severity),
    },
).filter(bool)


@settings(max_examples=60)
@given(conditions, conditions, incidents(), st.lists(tallies(), max_size=4))
def test_saying_more_never_makes_a_runbook_fit_more(
    some: dict[str, Any], more: dict[str, Any], known: Incident, counted: list[Tally]
) -> None:
    """But for the service, which means the cause's where a cause is given."""
    both = more | some
    assume("cause" in some or not both.keys() >= {"service", "cause"})
    if fits(When(**both), known, counted):
        assert fits(When(**some), known, counted)


@pytest.mark.parametrize("when", [{}, {"service": None}, {"service": None, "cause": None}])
def test_a_when_that_says_nothing_would_fit_everything_and_is_refused(when: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="say when the runbook fits"):
        When.model_validate(when)


@pytest.mark.parametrize(
    "when", [{"service": ""}, {"alertname": "", "cause": "resource"}, {"cause": ""}, {"host": "x"}]
)
def test_a_when_of_empty_or_unknown_words_is_refused(when: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        When.model_validate(when)


@pytest.mark.parametrize(
    "step",
    [
        {},
        {"command": None},
        {"command": ["x"]},
        {"command": {}, "http": {}},
        "command",
        None,
        ["command"],
        {"kind": "x"},
    ],
)
def test_a_step_is_one_executors_name_with_its_parameters(step: object) -> None:
    with pytest.raises(ValidationError, match="one executor's name"):
        Step.model_validate(step)


@pytest.mark.parametrize(
    "approvers, required, sound",
    [
        (["U1"], 1, True),
        (["U1", "U2"], 2, True),
        (["U1"], 2, False),
        (["U1", "U1"], 2, False),
        ([], 1, False),
        (["U1"], 0, False),
    ],
)
def test_as_many_people_must_be_able_to_approve_as_are_required(
    approvers: list[str], required: int, sound: bool
) -> None:
    try:
        Approval(approvers=approvers, required=required)
    except ValidationError:
        assert not sound
    else:
        assert sound


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "Scale in"},
        {"when": {"service": "pool"}},
        {"steps": [{"command": {"argv": ["scale", "4"]}}]},
        {"steps": [{"command": {"argv": ["scale", "3"], "timeout": "61s"}}]},
        {"rollback": [{"command": {"argv": ["scale", "1"]}}]},
        {"verify": {"within": "6m"}},
        {"verify": {"alerts_resolved": False}},
        {"approval": {"approvers": ["U012AB3CE"]}},
        {"approval": {"approvers": ["U012AB3CD"], "expires": "2h"}},
    ],
)
def test_whatever_is_changed_in_a_runbook_changes_its_hash(changed: dict[str, Any]) -> None:
    before, after = Runbook.model_validate(WRITTEN), Runbook.model_validate(WRITTEN | changed)
    assert definition_hash(before) != definition_hash(after)
    assert definition_hash(before) == definition_hash(Runbook.model_validate(WRITTEN))


@given(hostile)
def test_any_title_of_up_to_150_characters_is_taken(title: str) -> None:
    try:
        runbook = Runbook.model_validate(WRITTEN | {"title": title})
    except ValidationError:
        assert not 1 <= len(title) <= 150
    else:
        assert runbook.title == title


def test_keys_of_a_later_release_that_are_not_given_change_nothing_about_a_runbook_of_before() -> None:
    runbook = Runbook.model_validate(WRITTEN)
    later: dict[str, Any] = {
        "when": {"model", "labels"},
        "verify": {"stable_for", "monitor", "query", "http", "gate"},
        "approval": {"other_team", "proposer_may_approve", "reason"},
        **dict.fromkeys(("placeholders", "limits", "parameters", "impact", "autonomy", "drill"), True),
    }
    before = hashlib.sha256(runbook.model_dump_json(exclude=later).encode()).hexdigest()[:16]
    assert definition_hash(runbook) == before
    assert definition_hash(Runbook.model_validate({**WRITTEN, "verify": {"stable_for": "9s"}})) != before
