"""What other people's monitors say: from documents that the tools themselves wrote, to alerts and changes."""

import json
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import AlertEvent, AlertStatus, ChangeEvent, ChangeKind, GroupResolved, encode_events
from handlers.http.endpoint import parse_delivery
from handlers.sources.registry import Malformed
from handlers.webhooks.models import evidently, mlflow, nannyml, sagemaker
from tests.unit.payloads import mutated
from tests.unit.sources.test_alertmanager import assert_storable
from tests.unit.strategies import NOON

Json = dict[str, Any]
HEADERS = {"x-tandem-model": "demand-forecast"}
FOLDER = Path(__file__).parents[1] / "model_tools"
PARSERS = {"evidently": evidently.parse, "nannyml": nannyml.parse, "sagemaker": sagemaker.parse}
KEYS = {"evidently": "report", "nannyml": "rows", "sagemaker": "violations"}


@cache
def stored(tool: str) -> Json:
    """What the tool wrote when its documents were stored; the file says in which version."""
    written: Json = json.loads((FOLDER / f"{tool}.json").read_text())
    return written


def alerts(tool: str, document: Any, headers: Any = HEADERS) -> dict[tuple[str, str], AlertEvent]:
    """The alerts of a document by their name and feature."""
    events = PARSERS[tool](json.dumps(document).encode(), headers, NOON)
    assert_storable(events)
    found = [event for event in events if isinstance(event, AlertEvent)]
    assert len(found) == len(events) == len({event.fingerprint for event in found})
    return {(event.labels["alertname"], event.labels.get("feature", "")): event for event in found}


def statuses(tool: str, document: Any) -> dict[tuple[str, str], str]:
    return {named: alert.status.value for named, alert in alerts(tool, document).items()}


PRICE_MOVED = {("FeatureDrift", "price"): "firing", ("FeatureDrift", "stock"): "resolved"}


def test_each_test_of_an_evidently_report_is_an_alert_that_fires_or_is_resolved() -> None:
    share = ("MultivariateDrift", "")  # of two features, one drifted: Evidently's bound is a share below a half
    found = statuses("evidently", stored("evidently")["report"])
    assert found == PRICE_MOVED | {share: "firing", ("DataQuality", "stock"): "firing"}


def test_an_evidently_report_without_tests_is_held_against_its_own_thresholds() -> None:
    assert statuses("evidently", stored("evidently")["untested"]) == PRICE_MOVED


def test_evidentlys_older_documents_are_read_too() -> None:
    found = statuses("evidently", stored("evidently")["old suite"])
    assert found == PRICE_MOVED | {("MultivariateDrift", ""): "firing"}
    assert statuses("evidently", stored("evidently")["old report"]) == PRICE_MOVED


def test_an_alert_names_the_model_as_its_service_and_says_what_the_tool_said() -> None:
    price = alerts("evidently", stored("evidently")["report"])["FeatureDrift", "price"]
    named = {"model": "demand-forecast", "service": "demand-forecast", "alertname": "FeatureDrift"}
    assert price.labels == named | {"feature": "price", "severity": "warning"}
    assert price.annotations["summary"].startswith("Drift score is 0.00. The drift detection method is K-S p_value.")
    assert (price.starts_at, price.ends_at) == (NOON, None)


def test_a_distance_drifts_at_and_above_its_threshold() -> None:
    config = {"type": "evidently:metric_v2:ValueDrift", "column": "price", "method": "Wasserstein distance (normed)"}
    for value, status in ((0.2, "firing"), (0.1, "firing"), (0.09, "resolved")):
        document = {"metrics": [{"config": config | {"threshold": 0.1}, "value": value}]}
        assert statuses("evidently", document) == {("FeatureDrift", "price"): status}


@pytest.mark.parametrize(
    "status, severity", [("FAIL", "high"), ("ERROR", "high"), ("WARNING", "info"), ("SUCCESS", "high")]
)
def test_a_test_of_performance_is_severe_and_one_that_is_not_critical_is_not(status: str, severity: str) -> None:
    metric = {"params": {"type": "evidently:metric_v2:Accuracy"}}
    document = {"tests": [{"name": "Accuracy", "status": status, "id": "gt", "metric_config": metric}]}
    found = alerts("evidently", document)["ModelPerformance", ""]
    assert (found.labels["severity"], found.status == "firing") == (severity, status != "SUCCESS")


def test_not_a_number_is_no_reason_to_refuse_an_evidently_report() -> None:
    assert evidently.parse(b'{"metrics": [{"metric_name": "x", "value": NaN}]}', HEADERS, NOON) == []


def test_the_last_chunk_of_nannymls_results_says_what_fires() -> None:
    made = stored("nannyml")
    drift = {("FeatureDrift", "price"): "firing", ("FeatureDrift", "region"): "firing"}
    assert statuses("nannyml", made["drift"]) == drift
    assert statuses("nannyml", made["drift of two levels"]) == drift
    assert statuses("nannyml", made["drift"][:1]) == dict.fromkeys(drift, "resolved")
    assert statuses("nannyml", made["performance"]) == {("ModelPerformance", ""): "firing"}
    assert statuses("nannyml", made["estimated"]) == {("EstimatedModelPerformance", ""): "resolved"}
    assert statuses("nannyml", made["unseen"]) == {("DataQuality", "region"): "firing"}
    assert [name for name, _ in statuses("nannyml", made["reconstruction"])] == ["MultivariateDrift"]


def test_what_fires_began_with_the_first_of_the_last_chunks_that_fail() -> None:
    rows = stored("nannyml")["drift"]
    found = alerts("nannyml", {"model": "m", "at": "2026-02-03T00:00:00Z", "rows": [*rows, rows[-1]]}, {})
    price = found["FeatureDrift", "price"]
    assert price.starts_at.isoformat() == "2026-02-01T16:40:00+00:00"
    assert price.annotations["summary"].startswith("price_wasserstein is 3.")
    assert ", expected at most 0." in price.annotations["summary"]


def test_nannymls_reference_period_is_not_now() -> None:
    rows = stored("nannyml")["drift"]
    assert (
        statuses("nannyml", [rows[0], rows[1] | {"chunk_period": "reference"}])["FeatureDrift", "price"] == "resolved"
    )
    assert alerts("nannyml", [rows[1] | {"chunk_period": "reference"}]) == {}


VIOLATIONS: Json = {
    "violations": [
        {"feature_name": "price", "constraint_check_type": "baseline_drift_check", "description": "0.5 exceeds 0.1"},
        {"feature_name": "stock", "constraint_check_type": "completeness_check", "description": "0.9 is below 1.0"},
        {"constraint_check_type": "GreaterThanThreshold", "description": "rmse 9 > 7", "metric_name": "rmse"},
        {
            "facet": "Age",
            "facet_value": "40",
            "metric_name": "CI",
            "constraint_check_type": "bias_drift_check",
            "description": "0.4 does not meet the baseline",
        },
    ]
}


def test_sagemakers_violations_fire() -> None:
    found = statuses("sagemaker", VIOLATIONS)
    drift = {("FeatureDrift", "price"): "firing", ("FeatureDrift", "Age"): "firing"}
    assert found == drift | {("DataQuality", "stock"): "firing", ("ModelPerformance", ""): "firing"}


def test_a_file_without_violations_resolves_what_the_model_had() -> None:
    violation = alerts("sagemaker", VIOLATIONS)["FeatureDrift", "price"]
    [resolved] = sagemaker.parse(b'{"violations": []}', HEADERS, NOON)
    assert isinstance(resolved, GroupResolved)
    assert (resolved.group, resolved.source) == (violation.group, violation.source)


def job(message: str, **detail: Any) -> list[Any]:
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:monitoring-schedule/demand-forecast"
    said = {"ProcessingJobStatus": "Completed", "ExitMessage": message, "MonitoringScheduleArn": arn} | detail
    event = {"detail-type": "SageMaker Processing Job State Change", "source": "aws.sagemaker"}
    body = json.dumps(event | {"time": "2026-03-01T11:00:00Z", "detail": said}).encode()
    return sagemaker.parse(body, {}, NOON)


def test_an_event_of_a_monitoring_job_fires_and_resolves_under_the_schedules_name() -> None:
    [violated] = job("CompletedWithViolations: Job completed successfully with 8 violations.")
    assert violated.status is AlertStatus.FIRING
    assert violated.labels["model"] == "demand-forecast"
    assert violated.annotations["summary"] == "demand-forecast: Job completed successfully with 8 violations."
    [well] = job("Completed: Job completed successfully with no violations.")
    assert isinstance(well, GroupResolved) and well.group == violated.group
    assert job("", ProcessingJobStatus="InProgress") == []
    assert job("Completed: anything", MonitoringScheduleArn="") == []
    assert sagemaker.parse(b'{"detail-type": "SageMaker Endpoint State Change"}', {}, NOON) == []


def test_every_event_of_mlflow_is_signed_as_its_own_code_signs_it() -> None:
    made = stored("mlflow")
    secret = made["secret"].encode()
    assert len(made["deliveries"]) > 10
    for delivery in made["deliveries"]:
        headers, body = delivery["headers"], delivery["body"].encode()
        assert mlflow.signed(headers, body, secret)
        assert not mlflow.signed(headers, body + b" ", secret)
        assert not mlflow.signed(headers, body, secret + b"x")
        assert not mlflow.signed(headers | {"x-mlflow-delivery-id": "another"}, body, secret)
        assert not mlflow.signed({}, body, secret)


def registry_changes(with_headers: bool = True) -> list[ChangeEvent]:
    """The changes of all that MLflow tells."""
    made: list[ChangeEvent] = []
    for delivery in stored("mlflow")["deliveries"]:
        events = mlflow.parse(delivery["body"].encode(), delivery["headers"] if with_headers else {}, NOON)
        assert_storable(events)
        made += [event for event in events if isinstance(event, ChangeEvent)]
    return made


def test_a_budget_of_mlflow_that_is_exceeded_is_an_alert_and_a_prompts_text_is_not_read() -> None:
    found = [
        event
        for delivery in stored("mlflow")["deliveries"]
        for event in mlflow.parse(delivery["body"].encode(), delivery["headers"], NOON)
    ]
    [exceeded] = [event for event in found if isinstance(event, AlertEvent)]
    assert (exceeded.labels["alertname"], exceeded.labels["service"]) == ("BudgetExceeded", "ep-abc123")
    assert exceeded.labels["budget_policy"] == "bp-abc123"
    assert exceeded.annotations["summary"] == (
        "the budget of endpoint ep-abc123 is exceeded: 105.50 of 100.00 USD in 1 month"
    )
    assert b"Hello {{name}}" not in encode_events(found)


def test_what_changes_in_mlflows_registry_is_a_change_of_the_model() -> None:
    made = registry_changes()
    assert {(one.service, one.change) for one in made} == {
        ("example_model", ChangeKind.MODEL),
        ("example_prompt", ChangeKind.MODEL),
    }
    assert {one.title for one in made} == {
        "version 1 of example_prompt registered",
        "example_alias of example_prompt is now version 1",
        "example_prompt has no example_alias any more",
        "version 1 of example_prompt: example_key is now example_value",
        "version 1 of example_prompt: example_key removed",
        "version 1 of example_model registered",
        "example_alias of example_model is now version 1",
        "example_model has no example_alias any more",
        "version 1 of example_model: example_key is now example_value",
        "version 1 of example_model: example_key removed",
    }
    assert {NOON - one.at for one in made} == {timedelta(seconds=59.876544)}
    assert len({one.id for one in made}) == 10


def test_a_delivery_of_mlflow_without_its_id_is_known_by_what_it_says() -> None:
    known = registry_changes(with_headers=False)
    assert known == registry_changes(with_headers=False)
    assert len({one.id for one in known}) == 10


@pytest.mark.parametrize("tool", sorted(PARSERS))
def test_a_document_that_names_no_model_is_malformed_and_says_how_to_name_one(tool: str) -> None:
    document = {"evidently": {"tests": []}, "nannyml": [], "sagemaker": {"violations": []}}[tool]
    with pytest.raises(Malformed, match=f'no model is named.*X-Tandem-Model.*"{KEYS[tool]}"'):
        PARSERS[tool](json.dumps(document).encode(), {}, NOON)


def test_an_envelope_names_the_model_gives_labels_and_a_link() -> None:
    rows = stored("nannyml")["drift"]
    envelope = {"model": "m", "labels": {"cluster": "eu"}, "link": "https://h/7", "rows": rows}
    price = alerts("nannyml", envelope, {})["FeatureDrift", "price"]
    assert (price.labels["model"], price.labels["cluster"], price.link) == ("m", "eu", "https://h/7")
    assert price.fingerprint != alerts("nannyml", rows)["FeatureDrift", "price"].fingerprint


@pytest.mark.parametrize("tool", sorted(PARSERS))
@pytest.mark.parametrize(
    "body", ["{", "[]]", "7", '"x"', "{}", '{"model": {}, "rows": [], "report": {}, "violations": []}']
)
def test_what_no_tool_writes_is_malformed(tool: str, body: str) -> None:
    with pytest.raises(Malformed):
        PARSERS[tool](body.encode(), HEADERS, NOON)


DOCUMENTS = {
    "evidently": st.sampled_from([value for name, value in stored("evidently").items() if name != "version"]),
    "nannyml": st.sampled_from([value for name, value in stored("nannyml").items() if name != "version"]),
    "sagemaker": st.just(VIOLATIONS),
}


@pytest.mark.parametrize("tool", sorted(PARSERS))
@given(data=st.data())
def test_whatever_a_broken_sender_sends_is_storable_or_malformed(tool: str, data: st.DataObject) -> None:
    document = data.draw(mutated(DOCUMENTS[tool]))
    try:
        events = PARSERS[tool](json.dumps(document).encode(), HEADERS, NOON)
    except Malformed:
        return
    assert_storable(events)


def test_the_doors_are_found_by_themselves() -> None:
    for tool in ("evidently", "nannyml", "sagemaker"):
        with pytest.raises(Malformed, match="no model is named"):
            parse_delivery(tool, {"nannyml": b"[]"}.get(tool, b'{"violations": []}'), NOON)
