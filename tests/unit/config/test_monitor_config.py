"""Monitors in tandem.yaml: what is right is taken; what is wrong is named with its place and the nearest right one."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.config import Config, load_config
from bot.domain.watched.metric import Metric
from bot.domain.watched.monitor import FeatureKind
from bot.errors import ConfigError

DOCS = Path(__file__).parents[3] / "docs" / "monitors.md"
MODEL = "models:\n  m:\n"


def load(path: Path, text: str) -> tuple[Config, list[str]]:
    file = path / "tandem.yaml"
    file.write_text(text)
    return load_config(file)


def test_a_whole_model_is_taken(tmp_path: Path) -> None:
    text = """models:
  demand-forecast:
    served_by: forecast-api
    features: {price: numeric, shop: categorical, temperature: {kind: numeric, min: -40, max: 60}}
    monitors:
      - {kind: quality, fresh_within: 1h, window: {time: 5m}}
      - {kind: drift, window: {rows: 500}, alpha: 0.01, severity: high}
      - {kind: performance, metric: mae, worse_by: 0.2, slices: auto}
      - {kind: performance, metric: ndcg, group: query, minimum: 0.6, slices: [country]}
"""
    config, _ = load(tmp_path, text)
    model = config.rules().models["demand-forecast"]
    assert model.features["price"].kind is FeatureKind.NUMERIC and model.features["temperature"].max == 60
    assert list(model.monitors) == ["quality", "drift", "performance-mae", "performance-ndcg"]
    assert model.monitors["quality"].window.time == timedelta(minutes=5)
    assert model.monitors["drift"].kind == "drift" and model.monitors["drift"].alpha == 0.01
    assert model.monitors["performance-mae"].model_dump()["metric"] is Metric.MAE


@pytest.mark.parametrize(
    "model, error",
    [
        ("    monitors: [{kind: drft}]", "3: models.m.monitors.0.kind: Input should be 'quality', 'drift'"),
        ("    monitors: [{kind: drift, windw: {rows: 9}}]", "windw: is no known key; did you mean 'window'?"),
        ("    monitors: [{kind: drift, window: {row: 9}}]", "row: is no known key; did you mean 'rows'?"),
        ("    monitors: [{kind: drift, window: {rows: 9, time: 1h}}]", "say rows or time"),
        ("    monitors: [{kind: drift, window: {time: 0s}}]", "longer than nothing"),
        ("    monitors: [{kind: drift, metric: mae}]", "metric is for monitors of performance"),
        ("    monitors: [{kind: performance}]", "say which metric: accuracy"),
        ("    monitors: [{kind: estimated_performance, metric: ndcg, group: q}]", "ndcg cannot be estimated"),
        ("    monitors: [{kind: performance, metric: ndcg}]", "group names the column of the query"),
        ("    monitors: [{kind: performance, metric: mae, minimum: 0.5}]", "less is better: give a maximum"),
        ("    monitors: [{kind: performance, metric: f1, maximum: 0.5}]", "more is better: give a minimum"),
        ("    monitors: [{kind: performance, metric: f1, minimum: 90}]", "a share between 0 and 1"),
        ("    monitors: [{kind: performance, metric: roc_auc, slices: auto}]", "name the features"),
        ("    monitors: [{kind: drift, fresh_within: 1h}]", "for monitors of kind quality"),
        ("    monitors: [{kind: quality, engine: alibi}]", "engine: alibi is for monitors of kind"),
        ("    monitors: [{kind: drift, online: {method: cvm}}]", "online is for engine: alibi"),
        (
            "    monitors: [{kind: quality, online: {method: cvm}}]",
            "online is for monitors of drift",
        ),
        (
            "    monitors: [{kind: drift, engine: alibi, online: {method: mmd}}]",
            "for kind drift: take cvm or fet",
        ),
        ("    monitors: [{kind: multivariate, engine: alibi, online: {method: cvm}}]", "take mmd or lsdd"),
        (
            "    monitors: [{kind: drift, engine: alibi, online: {method: cmv}}]",
            "'cvm', 'fet', 'mmd' or 'lsdd'",
        ),
        ("    monitors: [{kind: drift, engine: alibi, online: {windows: [10]}}]", "method: Field required"),
        (
            "    monitors: [{kind: multivariate, engine: alibi, online: {method: mmd, windows: [10, 20]}}]",
            "takes one of windows, and here are 2",
        ),
        (
            "    monitors: [{kind: multivariate, engine: alibi, online: {method: mmd, expected_run: 5000}}]",
            "expected_run is at most 500 for method: mmd",
        ),
        ("    monitors: [{kind: drift, engine: alibi, alpha: 0.1, online: {method: cvm}}]", "for expected_run"),
        (
            "    monitors: [{kind: drift, engine: alibi, least_effect: {psi: 0.1}, online: {method: cvm}}]",
            "least_effect is not for online detectors",
        ),
        ("    monitors: [{kind: outliers, method: spectral_residual, column: x}]", "is for engine: alibi"),
        ("    monitors: [{kind: outliers, engine: alibi, method: spectral_residual}]", "name it in column"),
        ("    monitors: [{kind: outliers, column: x}]", "column is for method: spectral_residual"),
        ("    monitors: [{kind: drift, alpha: 5}]", "less than 1"),
        ("    monitors: [{kind: drift}, {kind: drift}]", "two monitors are known as 'drift': give them names"),
        ("    features: {price: number}", "Input should be 'numeric', 'categorical', 'embedding' or 'text'"),
        ("    features: {price: {kind: numeric, mim: 3}}", "mim: is no known key; did you mean 'min'?"),
        ("    features: {price: {kind: numeric, min: 3, max: 2}}", "min is more than max"),
        ("    features: {shop: {kind: categorical, min: 3}}", "a categorical feature has no min"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, model: str, error: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, MODEL + model)
    assert error in str(refused.value)


def test_an_engine_that_is_not_there_is_a_warning_that_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_ALIBI_PYTHON", "/nowhere/python")
    _, warnings = load(tmp_path, MODEL + "    monitors:\n    - kind: drift\n      engine: alibi\n")
    assert any(":5: models.m.monitors.0.engine: TANDEM_ALIBI_PYTHON names /nowhere/python" in line for line in warnings)


@pytest.mark.parametrize("there", [False, True])
def test_a_detector_without_its_deep_learning_library_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    python, packages = tmp_path / "bin" / "python", tmp_path / "lib" / "python3.11" / "site-packages"
    for folder in (python.parent, packages / "tensorflow" if there else packages):
        folder.mkdir(parents=True)
    python.touch()
    monkeypatch.setenv("TANDEM_ALIBI_PYTHON", str(python))
    monitor = "    monitors:\n    - kind: multivariate\n      engine: alibi\n      online: {method: lsdd}\n"
    _, warnings = load(tmp_path, MODEL + monitor + "    - {kind: drift, engine: alibi, online: {method: cvm}}\n")
    told = [line for line in warnings if "TensorFlow" in line]
    assert len(told) == (0 if there else 1)
    assert there or "monitors.0.engine: LSDDDriftOnline needs TensorFlow or PyTorch beside alibi-detect" in told[0]


def test_the_example_of_the_documentation_is_valid(tmp_path: Path) -> None:
    example = DOCS.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    config, _ = load(tmp_path, example)
    assert len(config.models["demand-forecast"].monitors) == 8


COUNTED = "    pull: {sql: select 1, from: W, cursor: ts, every: 1h, statistics: true}\n"


@pytest.mark.parametrize(
    "model, error",
    [
        ("    monitors: [{kind: performance, metric: mae, maximum: 1}]", "performance-mae needs rows: it joins labels"),
        ("    monitors: [{kind: multivariate}]", "multivariate needs rows: it looks at each row as a whole"),
        ("    monitors: [{kind: estimated_performance, metric: f1}]", "needs rows: it looks at each row as a whole"),
        ("    monitors: [{kind: drift, by: version}]", "drift needs rows: by: version judges the rows of each version"),
        ("    monitors: [{kind: drift, engine: alibi}]", "drift needs rows: engine: alibi is given rows"),
        ("    monitors: [{kind: drift, least_effect: {wasserstein: 0.1}}]", "wasserstein bets on the distance of each"),
        ("    references: {by: version}", "which of several references counts is chosen by rows"),
    ],
)
def test_what_a_database_cannot_count_is_refused_with_the_reason(tmp_path: Path, model: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        load(tmp_path, MODEL + COUNTED + model)


@pytest.mark.parametrize(
    "changed, error",
    [
        ("holds: labels", "labels are joined with the rows"),
        ("late: 1h", "use settle, not late"),
        ("statistics: {windw: 1h}", "did you mean 'window'"),
    ],
)
def test_pulls_of_statistics_that_cannot_be_are_refused(tmp_path: Path, changed: str, error: str) -> None:
    begin = COUNTED.strip().removesuffix("}") if "statistics" not in changed else COUNTED.strip()[:-18].rstrip(", ")
    with pytest.raises(ConfigError, match=error):
        load(tmp_path, f"{MODEL}    {begin}, {changed}}}")


def test_what_a_database_can_count_is_taken(tmp_path: Path) -> None:
    config, _ = load(
        tmp_path, MODEL + COUNTED + "    monitors: [{kind: drift}, {kind: prediction_drift}, {kind: quality}]"
    )
    assert config.rules().models["m"].by_statistics
    assert not load(tmp_path, MODEL + COUNTED.replace("true", "false"))[0].rules().models["m"].by_statistics
