"""Checks of models take whatever comes: other columns, other types, nothing, one row, only missing values."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.watched.monitor import FeatureRules, MonitorRules, WatchedModel
from bot.model_store.references import Lineage, Reference
from bot.watches.models.data_checks import check_quality
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome, kind_of, rules_from
from bot.watches.models.window import LoadedReference, Table, Window
from detectors.drift.profile import build

NAMES = ("price", "shop", "other")
numbers = st.floats(allow_nan=True, allow_infinity=True)
scalars = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | numbers | st.text(max_size=3)
KINDS = ("numbers", "objects", "texts", "missing", "integers")


def column(kind: str, rows: int, draw: Callable[[Any], Any]) -> Any:
    if kind == "numbers":
        return np.array(draw(st.lists(numbers, min_size=rows, max_size=rows)), dtype=np.float64)
    if kind == "integers":
        return np.array(draw(st.lists(st.integers(-9, 9), min_size=rows, max_size=rows)), dtype=np.int64)
    if kind == "missing":
        return np.full(rows, np.nan)
    values = draw(st.lists(st.text(max_size=3) if kind == "texts" else scalars, min_size=rows, max_size=rows))
    made = np.empty(rows, dtype=object)
    made[:] = values
    return made


@st.composite
def tables(draw: Callable[[Any], Any]) -> Table:
    rows = draw(st.sampled_from([0, 1, 2, 7, 40]))
    features = {name: column(draw(st.sampled_from(KINDS)), rows, draw) for name in NAMES if draw(st.booleans())}
    others = {
        name: column(draw(st.sampled_from(KINDS)), rows, draw) if draw(st.booleans()) else None
        for name in ("prediction", "label")
    }
    score = column("numbers", rows, draw) if draw(st.booleans()) else None
    return Table(rows, features, None, others["prediction"], score, others["label"])


def known(table: Table) -> LoadedReference:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    reference = Reference("m", "v1", "d", "p", table.rows, {}, Lineage(), now)
    return LoadedReference(reference, build(table.features), table, build(table.outputs()), {})


def usual(rows: int = 60) -> Table:
    random = np.random.default_rng(0)
    features = {"price": random.normal(10, 1, rows), "shop": random.choice(["a", "b"], rows)}
    truth = random.integers(0, 2, rows)
    return Table(rows, features, None, truth, random.random(rows), truth)


def monitor(**said: Any) -> MonitorRules:
    rules = rules_from(said)
    assert isinstance(rules, MonitorRules)
    return rules


def check(rules: MonitorRules, model: WatchedModel, state: bytes, table: Table, known: LoadedReference) -> Outcome:
    window = Window(table, list(range(table.rows)))
    return kind_of(rules).check(rules, CheckInput(model, state, window, known))


QUICK = [
    {"kind": "quality"},
    {"kind": "drift"},
    {"kind": "prediction_drift"},
    {"kind": "concept_drift"},
    {"kind": "performance", "metric": "accuracy", "minimum": 0.5, "slices": "auto"},
    {"kind": "performance", "metric": "f1"},
    {"kind": "performance", "metric": "roc_auc", "slices": ["price", "shop"]},
    {"kind": "performance", "metric": "mae", "maximum": 1.0},
    {"kind": "performance", "metric": "mape"},
    {"kind": "performance", "metric": "mase"},
    {"kind": "performance", "metric": "ndcg", "group": "shop", "minimum": 0.5},
    {"kind": "performance", "metric": "average_precision"},
    {"kind": "performance", "metric": "log_loss", "maximum": 1.0, "slices": "auto"},
    {"kind": "performance", "metric": "calibration_error"},
    {"kind": "performance", "metric": "wape"},
    {"kind": "performance", "metric": "r2", "minimum": 0.5},
    {"kind": "performance", "metric": "pinball", "quantile": 0.9},
    {"kind": "performance", "metric": "f1", "average": "macro"},
    {"kind": "performance", "metric": "recall", "average": "per_class", "minimum": 0.5},
    {"kind": "estimated_performance", "metric": "accuracy"},
    {"kind": "estimated_performance", "metric": "recall", "minimum": 0.5, "slices": "auto"},
]


@pytest.mark.parametrize("said", QUICK, ids=lambda said: "-".join(map(str, said.values()))[:40])
@settings(max_examples=25)
@given(st.lists(tables(), min_size=1, max_size=3))
def test_no_window_breaks_a_check(said: dict[str, Any], windows: list[Table]) -> None:
    rules, state = monitor(**said), b""
    for table in windows:
        try:
            outcome = check(rules, WatchedModel(), state, table, known(usual()))
        except CheckSkipped as reason:
            assert str(reason)
            continue
        state = outcome.state
        assert outcome.summary and isinstance(outcome.firing, bool)


@pytest.mark.parametrize("said", QUICK, ids=lambda said: "-".join(map(str, said.values()))[:40])
@settings(max_examples=15)
@given(tables().filter(lambda table: table.rows > 0 and bool(table.features)), tables())
def test_no_reference_breaks_a_check(said: dict[str, Any], reference: Table, window: Table) -> None:
    try:
        assert check(monitor(**said), WatchedModel(), b"", window, known(reference)).summary
    except CheckSkipped as reason:
        assert str(reason)


@settings(max_examples=6)
@given(tables().filter(lambda table: table.rows > 0 and bool(table.features)), st.lists(tables(), max_size=2))
def test_the_classifier_takes_whatever_comes(reference: Table, windows: list[Table]) -> None:
    state = b""
    for table in [*windows, reference]:
        state = check(monitor(kind="multivariate"), WatchedModel(), state, table, known(reference)).state


def test_the_loss_of_a_regression_is_estimated_where_the_model_is_weak() -> None:
    random = np.random.default_rng(0)

    def asked(rows: int, high: float) -> Table:
        x = random.uniform(0, high, rows)
        truth = 10 + random.normal(size=rows) * np.where(x > 0.5, 3.0, 0.1)
        return Table(rows, {"x": x}, None, np.full(rows, 10.0), None, truth)

    reference = known(asked(2000, 1.0))
    rules = monitor(kind="estimated_performance", metric="mae", worse_by=0.2)
    calm = check(rules, WatchedModel(), b"", asked(500, 0.6), reference)
    assert not calm.firing
    weak = Table(500, {"x": random.uniform(0.5, 1, 500)}, None, np.full(500, 10.0))
    found = check(rules, WatchedModel(), calm.state, weak, reference)
    assert found.firing and "estimated mae is 2" in found.summary


def test_rules_of_tandem_yaml_hold_without_a_reference() -> None:
    features = {
        "price": FeatureRules.model_validate({"kind": "numeric", "min": 0}),
        "shop": FeatureRules.model_validate({"kind": "categorical", "values": ["a"]}),
        "gone": FeatureRules.model_validate({"kind": "numeric"}),
    }
    table = Table(3, {"price": np.array(["x", -1, 2], dtype=object), "shop": np.array(["a", "b", None], dtype=object)})
    outcome = check_quality(WatchedModel(features=features), Window(table, ["1", "1", "2"]), None)
    assert outcome.firing and set(outcome.features) == {"price", "shop", "gone"}
    said = "\n".join(outcome.details)
    assert "1 of 3 values of price are no numbers" in said and "outside 0" in said
    assert "not allowed: b" in said and "1 of 3 ids came before" in said


def test_a_concept_that_drifts_is_found_though_inputs_and_predictions_are_as_before() -> None:
    random = np.random.default_rng(0)

    def asked(rows: int, slope: float) -> Table:
        x = random.normal(size=rows)
        return Table(rows, {"x": x}, None, x, None, slope * x + random.normal(size=rows))

    reference, rules = known(asked(2000, 1.0)), monitor(kind="concept_drift")
    calm = check(rules, WatchedModel(), b"", asked(500, 1.0), reference)
    assert not calm.firing
    found = check(rules, WatchedModel(), calm.state, asked(500, -1.0), reference)
    assert found.firing and found.features == ["error"]
    assert not check(monitor(kind="drift"), WatchedModel(), b"", asked(500, -1.0), reference).firing


def test_other_shares_of_the_classes_are_no_drift_of_the_concept_and_other_errors_are() -> None:
    random = np.random.default_rng(0)

    def payments(rows: int, fraud: float, found: float) -> Table:
        truth = random.random(rows) < fraud
        right = random.random(rows) < np.where(truth, found, 0.98)
        names = np.array(["legit", "fraud"], dtype=object)
        return Table(rows, {"x": np.zeros(rows)}, None, names[(truth == right).astype(int)], None, names[truth * 1])

    reference, rules, state = known(payments(5000, 0.1, 0.8)), monitor(kind="concept_drift"), b""
    for share in (0.1, 0.1, 0.3, 0.5, 0.02):
        outcome = check(rules, WatchedModel(), state, payments(2000, share, 0.8), reference)
        assert not outcome.firing, outcome.summary
        state = outcome.state
    for _ in range(3):
        outcome = check(rules, WatchedModel(), state, payments(2000, 0.3, 0.4), reference)
        state = outcome.state
    assert outcome.firing and outcome.features == ["predicted where fraud is true"]


def test_a_drift_of_so_little_that_it_does_no_harm_is_no_finding_unless_it_is_wanted() -> None:
    random = np.random.default_rng(0)

    def asked(rows: int, shift: float) -> Table:
        return Table(rows, {"x": random.normal(size=rows) + shift}, None)

    reference, small = known(asked(200_000, 0.0)), asked(200_000, 0.02)
    calm = check(monitor(kind="drift"), WatchedModel(), b"", small, reference)
    assert not calm.firing and "less than counts" in calm.summary and "PSI of 0.02" in calm.guarantee
    any_of_it = monitor(kind="drift", least_effect={"psi": 0})
    assert check(any_of_it, WatchedModel(), b"", small, reference).firing
