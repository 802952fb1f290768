"""Parameters of a runbook: what may be entered, and what may be described."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.runbook import Impact, Runbook, definition_hash
from bot.domain.runs.parameter import Parameter, in_words
from bot.errors import PlanError
from bot.remediation.planning import check_templates, make_plan

REPLICAS: dict[str, Any] = {"type": "integer", "default": 3, "min": 1, "max": 10}
ZONE: dict[str, Any] = {"type": "choice", "default": "a", "choices": ["a", "b"]}


def parameter(**fields: Any) -> Parameter:
    return Parameter.model_validate({**REPLICAS, **fields})


def book(**fields: Any) -> Runbook:
    return Runbook.model_validate(
        {
            "title": "Scale out",
            "when": {"service": "pool"},
            "steps": [{"command": {"argv": ["scale", "--to=${parameters.replicas}"]}}],
            "parameters": {"replicas": REPLICAS},
            "approval": {"approvers": ["U1"]},
            **fields,
        }
    )


@given(st.integers())
def test_a_whole_number_is_taken_within_its_bounds_and_nowhere_else(number: int) -> None:
    if 1 <= number <= 10:
        assert parameter().read(f" {number} ") == number
    else:
        with pytest.raises(ValueError, match="is not from 1 to 10"):
            parameter().read(str(number))


@pytest.mark.parametrize("text", ["", "five", "2.5", "nan", "1e1", "--3", "3; rm -rf /", "True"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no whole number"):
        parameter().read(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "0.99", "10.01"])
def test_what_is_no_number_within_the_bounds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not from 1 to 10"):
        parameter(type="number").read(text)


def test_of_choices_only_those_are_taken() -> None:
    zone = Parameter.model_validate(ZONE)
    assert zone.read("b") == "b"
    with pytest.raises(ValueError, match="'c' is none of a, b"):
        zone.read("c")


@pytest.mark.parametrize(
    "wrong",
    [
        {"default": 11},
        {"default": "3"},
        {"min": None},
        {"min": 5, "max": 4},
        {"choices": ["1"]},
        {"type": "choice"},
        {"type": "text"},
    ],
)
def test_bounds_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parameter(**wrong)


def test_a_plan_has_the_default_or_what_is_given_and_nothing_outside_of_the_bounds() -> None:
    assert make_plan("scale", book(), {}).steps[0].parameters["argv"] == ["scale", "--to=3"]
    plan = make_plan("scale", book(), {}, {"replicas": 5})
    assert (plan.steps[0].parameters["argv"], plan.parameters) == (["scale", "--to=5"], {"replicas": 5})
    with pytest.raises(PlanError, match="replicas: 50 is not from 1 to 10"):
        make_plan("scale", book(), {}, {"replicas": 50})


def test_a_number_in_a_structured_body_stays_one() -> None:
    http = {"url": "https://x.example/scale", "body": {"spec": {"replicas": "${parameters.replicas}"}}}
    plan = make_plan("scale", book(steps=[{"http": http}]), {}, {"replicas": 5})
    assert plan.steps[0].parameters["body"] == {"spec": {"replicas": 5}}


@pytest.mark.parametrize(
    "fields, why",
    [
        ({"parameters": {}}, "is not described under parameters"),
        ({"parameters": {"replicas": REPLICAS, "zone": ZONE}}, "no step has"),
    ],
)
def test_parameters_that_are_not_described_or_not_used_are_named(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(PlanError, match=why):
        check_templates(book(**fields))


def test_runbooks_of_before_keep_their_hash() -> None:
    plain = book(steps=[{"command": {"argv": ["scale"]}}], parameters={})
    assert definition_hash(plain) == "b9580d7bbe3be2a8"
    assert definition_hash(plain.model_copy(update={"impact": Impact.LOW})) != definition_hash(plain)


def test_parameters_are_named_with_their_values() -> None:
    assert in_words({"replicas": 5, "zone": "b"}) == "replicas 5, zone b"
