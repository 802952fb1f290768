"""How bad a row is where two versions are compared: by the metric that the model is judged by."""

from typing import Any

import numpy as np
import pytest

from bot.domain.watched.monitor import WatchedModel, by_name
from bot.watches.models.challenge.scoring import Yardstick, compares, yardstick
from bot.watches.models.kinds.registry import rules_from
from bot.watches.models.window import Table


def table(label: Any, prediction: Any = None, score: Any = None) -> Table:
    def of(values: Any) -> Any:
        return None if values is None else np.array(values, dtype=object if isinstance(values[0], str) else None)

    return Table(len(label), {}, label=of(label), prediction=of(prediction), score=of(score))


def by(metric: str | None, usual: Table, worse_by: float | None = None, **model: Any) -> Yardstick | None:
    monitors = by_name(
        [rules_from({"kind": "performance", "metric": metric, **model.pop("monitor", {})})] if metric else []
    )
    return yardstick(WatchedModel(monitors=monitors, **model), usual, worse_by)


NONE = Table(0, {})
FEW = table([1, 0] * 20, [1, 1] * 20, [0.8, 0.4] * 20)
MANY = table([float(at) for at in range(1, 201)], [at + 1.0 for at in range(1, 201)])
ONE = table(["1.0", "true", "0", "0", None], ["1", "0", "0", "1", "1"])


@pytest.mark.parametrize(
    "metric, usual, model, expected",
    [
        (None, FEW, {}, [0, 1, 0, 1]),
        ("accuracy", NONE, {}, [0, 1, 0, 1]),
        ("recall", NONE, {"positive": True}, [0, 1]),
        ("recall", FEW, {}, [0, 1]),
        ("precision", NONE, {"positive": 1}, [0, 1]),
        ("f1", NONE, {"positive": 1}, [0, 1, 1]),
        ("f1", table(["a", "b"] * 20), {}, [0, 1, 0, 1]),  # which class is meant is not known: accuracy
    ],
)
def test_classes_are_compared_by_the_rows_that_the_metric_is_of(
    metric: str | None, usual: Table, model: dict[str, Any], expected: list[float]
) -> None:
    yard = by(metric, usual, **model)
    assert yard is not None and yard.of(ONE)[1].tolist() == expected


def test_what_is_not_settled_yet_waits() -> None:
    assert by(None, table([1, 0] * 5)) is None
    assert by("f1", NONE) is None
    assert by("brier", NONE, positive=1) is None
    assert by("mae", FEW) is None


def test_errors_are_scaled_by_the_usual_ones() -> None:
    yard = by("mae", MANY)
    assert yard is not None and yard.cap == 4.0 and yard.margin == pytest.approx(0.025)
    counts, bad = yard.of(table([1.0, 5.0, 7.0, np.nan], [2.0, 5.0, 100.0, 1.0]))
    assert (counts.tolist(), bad.tolist()) == ([True, True, True, False], [0.25, 0, 1])
    assert yard.value(0.25) == "1"
    squared = by("rmse", MANY, worse_by=0.5)
    assert squared is not None and squared.value(0.25) == "1" and squared.margin == pytest.approx(0.3125)


def test_what_is_tolerated_is_that_of_the_monitor_or_of_the_question() -> None:
    margins = [by("accuracy", NONE), by("accuracy", NONE, 0.2), by("accuracy", NONE, monitor={"worse_by": 0.01})]
    assert [one.margin for one in margins if one] == [0.05, 0.2, 0.01]


def test_scores_are_compared_by_their_squared_error_and_values_are_those_that_people_know() -> None:
    yard = by("roc_auc", FEW, positive=1)
    assert yard is not None
    assert yard.of(table([1, 0], score=[0.5, 0.5]))[1].tolist() == [0.25, 0.25]
    assert yard.value(0.25) == "0.25"
    f1 = by("f1", NONE, positive=1)
    assert f1 is not None and f1.value(0.5) == f"{2 / 3:.4g}"  # 1 of 2 rows is both: F1 is 2/3


def test_rankings_are_not_compared_by_rows() -> None:
    rules = rules_from({"kind": "performance", "metric": "ndcg", "group": "query", "minimum": 0.5})
    assert not compares(WatchedModel(monitors=by_name([rules])))
    assert compares(WatchedModel())
