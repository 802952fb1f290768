"""Steps that hold steps, and the steps of models: placeholders are as safe in them as in any other."""

from typing import Any

import pytest
from pydantic import ValidationError

from bot.domain.run import PlannedStep
from bot.errors import PlanError
from bot.remediation.executors import describe, parameters_of
from bot.remediation.planning import check_templates
from tests.unit.remediation.test_planning import planned, runbook

MLFLOW = {"url": "https://mlflow", "model": "demand-forecast"}


def pipeline(start: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"pipeline": {"start": start, **more}}


def gate(url: str) -> dict[str, Any]:
    ask = {"http": {"url": url}}
    return {"gate": {"on": {"recent": {"champion": ask, "challenger": ask}}}}


def only(step: dict[str, Any], **values: str) -> PlannedStep:
    return planned(step, **values).steps[0]


def test_a_value_fills_a_part_of_an_address_within_a_step() -> None:
    start = {"http": {"url": "https://h/${service}/runs", "body": {"model": "${service}"}}}
    filled = only(pipeline(start), service="a/b?c").parameters["start"]["http"]
    assert filled["url"] == "https://h/a%2Fb%3Fc/runs"
    assert filled["body"] == {"model": "a/b?c"}
    held = only(gate("https://h/${service}"), service="x&y").parameters["on"]["recent"]
    assert held["champion"]["http"]["url"] == held["challenger"]["http"]["url"] == "https://h/x%26y"


def test_a_value_within_a_step_cannot_become_an_option() -> None:
    with pytest.raises(PlanError, match="begins with a dash"):
        planned(pipeline({"command": {"argv": ["train", "${service}"]}}), service="-rf")


@pytest.mark.parametrize(
    "step, why",
    [
        (pipeline({"http": {"url": "https://${service}/runs"}}), "may not choose the host"),
        (gate("https://${labels.host}/x"), "may not choose the host"),
        (pipeline({"command": {"argv": ["sh", "-c", "train ${service}"]}}), "would run what a value says"),
        (pipeline({"command": {"argv": ["${service}"]}}), "may not choose the program"),
        (pipeline({"http": {"url": "https://h/", "headers": {"X": "${service}"}}}), "no placeholder is filled in here"),
        (pipeline({"http": {"url": "https://h/${nothing}"}}), "is no placeholder"),
        ({"mlflow": MLFLOW | {"url": "https://${service}", "alias": "a", "version": 1}}, "may not choose the host"),
    ],
)
def test_what_could_do_harm_within_a_step_is_refused_before_there_is_an_incident(
    step: dict[str, Any], why: str
) -> None:
    with pytest.raises(PlanError, match=why):
        check_templates(runbook(step))


def test_a_rollback_takes_model_and_version_from_the_incident() -> None:
    step = {"url": "https://mlflow", "model": "${service}", "alias": "champion", "before": "${labels.version}"}
    found = only({"mlflow": step}, service="demand-forecast", labels_version="12")
    assert found.text.startswith("MLflow: set alias champion of demand-forecast to the newest version before 12\n")
    assert found.repeatable


def test_a_model_name_cannot_end_the_filter_in_which_it_is_sent() -> None:
    step = {"url": "https://mlflow", "model": "${service}", "alias": "champion", "before": 3}
    with pytest.raises(PlanError, match="mlflow: String should match"):
        planned({"mlflow": step}, service="x' OR name LIKE '%")


@pytest.mark.parametrize(
    "given, shown",
    [
        ({"alias": "a", "version": 11}, "set alias a of demand-forecast to version 11"),
        ({"alias": "a", "version": 11, "instead_of": 12}, "of demand-forecast, if it is version 12 to version 11"),
        ({"alias": "a", "from_alias": "b"}, "to the version that b names"),
        ({"stage": "Production", "version": 2, "archive_others": True}, "set stage Production of demand-forecast to"),
    ],
)
def test_the_step_is_shown_with_what_it_sets(given: dict[str, Any], shown: str) -> None:
    assert shown in describe("mlflow", parameters_of("mlflow", MLFLOW | given))


@pytest.mark.parametrize(
    "given, why",
    [
        ({"version": 1}, "either alias or stage"),
        ({"alias": "a", "stage": "Staging", "version": 1}, "either alias or stage"),
        ({"alias": "a"}, "one of version, before and from_alias"),
        ({"alias": "a", "version": 1, "before": 2}, "one of version, before and from_alias"),
        ({"stage": "Staging", "version": 1, "instead_of": 2}, "instead_of is for an alias"),
        ({"alias": "a", "version": 1, "archive_others": True}, "archive_others is for a stage"),
        ({"alias": "a", "version": "latest"}, "version"),
        ({"alias": "a", "version": 1, "model": "a/b"}, "model"),
    ],
)
def test_what_a_registry_would_not_understand_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        parameters_of("mlflow", MLFLOW | given)
