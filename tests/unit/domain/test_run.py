"""Runs and plans: an approval holds for exactly one plan."""

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.run import Plan, PlannedStep, Run, RunStatus, plan_hash, withdraw
from tests.unit.strategies import NOON, names, plans, runs

PLAN = Plan(
    runbook="scale",
    definition="0011223344556677",
    title="Scale out the pool",
    steps=[PlannedStep("command", {"argv": ["scale", "3"], "timeout": "60s"}, "scale 3", True)],
    rollback=[],
    verify_within=300.0,
    alerts_resolved=True,
)


def test_the_hash_of_a_plan_is_the_same_for_ever() -> None:
    """Pinned: approvals wait for days, and must hold after an upgrade."""
    assert plan_hash(PLAN) == "72664c1544b94f9314caaaf1c30e3d76c84682daa50172f5bc7919e004e24c2a"


@settings(max_examples=30)
@given(plans(names), plans(names))
def test_two_plans_have_one_hash_only_when_they_are_equal(one: Plan, other: Plan) -> None:
    assert (plan_hash(one) == plan_hash(other)) == (one == other)


@pytest.mark.parametrize(
    "changed",
    [
        {"runbook": "scale2"},
        {"definition": "0011223344556678"},
        {"title": "Scale in the pool"},
        {"steps": [msgspec.structs.replace(PLAN.steps[0], parameters={"argv": ["scale", "4"], "timeout": "60s"})]},
        {"steps": [msgspec.structs.replace(PLAN.steps[0], repeatable=False)]},
        {"steps": [msgspec.structs.replace(PLAN.steps[0], check=PLAN.steps[0])]},
        {"steps": [*PLAN.steps, *PLAN.steps]},
        {"rollback": PLAN.steps},
        {"verify_within": 301.0},
        {"alerts_resolved": False},
    ],
)
def test_whatever_is_changed_in_a_plan_changes_its_hash(changed: dict[str, Any]) -> None:
    assert plan_hash(msgspec.structs.replace(PLAN, **changed)) != plan_hash(PLAN)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), json_values, max_size=4))
def test_a_plan_has_the_same_hash_when_it_comes_back_from_the_database(parameters: dict[str, Any]) -> None:
    backward = dict(reversed(parameters.items()))
    plan = msgspec.structs.replace(PLAN, steps=[PlannedStep("http", parameters), PlannedStep("http", backward)])
    assert plan_hash(msgspec.json.decode(msgspec.json.encode(plan), type=Plan)) == plan_hash(plan)
    forward = msgspec.structs.replace(plan, steps=list(reversed(plan.steps)))
    assert plan_hash(forward) == plan_hash(plan)


def test_a_run_has_ended_in_six_of_its_states() -> None:
    assert {status.value for status in RunStatus if status.ended} == {
        "succeeded",
        "failed",
        "rolled back",
        "rejected",
        "expired",
        "stopped",
    }


@settings(max_examples=30)
@given(runs(names))
def test_a_withdrawn_run_has_ended_and_says_why_and_everything_else_stays(run: Run) -> None:
    withdrawn = withdraw(run, "the incident is resolved", NOON)
    assert withdrawn.status.ended
    assert (withdrawn.outcome, withdrawn.ended_at) == ("the incident is resolved", NOON)
    fields = {"status": run.status, "outcome": run.outcome, "ended_at": run.ended_at}
    assert msgspec.structs.replace(withdrawn, **fields) == run


@settings(max_examples=30)
@given(runs(names))
def test_approvals_are_those_who_approved(run: Run) -> None:
    assert run.approvals == [decision.user for decision in run.decisions if decision.verdict == "approve"]


def test_a_plan_of_a_release_before_keeps_its_hash() -> None:
    plan = Plan("restart", "d", "Restart", [PlannedStep("command", {"argv": ["true"]}, "true")], [], 300.0, True)
    known_then = ("runbook", "definition", "title", "steps", "rollback", "verify_within", "alerts_resolved")
    before = msgspec.defstruct("Before", [(name, Any) for name in known_then])
    written = msgspec.json.encode(before(*(getattr(plan, name) for name in known_then)), order="deterministic")
    assert plan_hash(plan) == hashlib.sha256(written).hexdigest()
    assert plan_hash(msgspec.structs.replace(plan, targets=["cart"])) != plan_hash(plan)
