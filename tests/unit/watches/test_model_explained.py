"""What explains a finding: which drifted feature matters, with which a loss goes, and how groups of people fare."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from bot.client.importance import permutation_importance
from bot.domain.watched.monitor import WatchedModel
from bot.model_store.references import Lineage, Reference
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome, kind_of, rules_from, written_as_before
from bot.watches.models.window import LoadedReference, Table, Window
from detectors.drift.packing import Array
from detectors.drift.profile import build
from detectors.performance.fairness import Fairness

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Columns = Mapping[str, Array]


def table(features: Columns, prediction: Array | None = None, label: Array | None = None) -> Table:
    rows = len(next(iter(features.values())))
    return Table(rows, features, np.arange(rows), prediction=prediction, label=label)


def reference(of: Table, importance: Mapping[str, float] | None = None) -> LoadedReference:
    lineage = Lineage(importance=dict(importance or {}))
    known = Reference("fraud", "2026-02", "d", "p", of.rows, {}, lineage, NOON)
    return LoadedReference(known, build(of.features), of, build(of.outputs()), {})


def check(
    monitor: Mapping[str, Any], now: Table, before: LoadedReference | None, state: bytes = b"", **model: Any
) -> Outcome:
    rules = rules_from(monitor)
    return kind_of(rules).check(rules, CheckInput(WatchedModel(**model), state, Window(now), before))


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)


def test_of_features_that_drifted_those_come_first_that_the_model_goes_by(random: np.random.Generator) -> None:
    before = table(
        {"price": random.normal(size=3000), "shop": random.normal(size=3000), "age": random.normal(size=3000)}
    )
    now = table(
        {"price": random.normal(1, 1, 1000), "shop": random.normal(2, 1, 1000), "age": random.normal(3, 1, 1000)}
    )
    monitor = {"kind": "drift"}
    assert check(monitor, now, reference(before)).features[0] != "price"
    sent = check(monitor, now, reference(before, {"price": 0.9, "shop": 0.01, "age": 0.0}))
    assert sent.features == ["price", "shop", "age"]
    assert "99 % of what the model goes by" in sent.summary
    assert "age: " in sent.details[2] and sent.details[2].endswith("nothing of what the model goes by")
    configured = check(monitor, now, reference(before), importance={"shop": 3, "age": 0.001})
    assert configured.features[0] == "shop"


def priced(random: np.random.Generator, rows: int, around: float, other: float = 0.0, broken: float = 0.0) -> Table:
    """A model that is right less often the higher the price is; ``broken`` makes it wrong whatever the price."""
    price, size = random.normal(around, 1, rows), random.normal(other, 1, rows)
    label = random.integers(0, 2, rows)
    wrong = random.random(rows) < np.clip(0.05 + 0.15 * np.clip(price, 0, 3) + broken, 0, 1)
    return table({"price": price, "size": size}, np.where(wrong, 1 - label, label), label)


ACCURACY = {"kind": "performance", "metric": "accuracy"}


def test_most_of_a_loss_goes_with_the_feature_whose_shift_brought_it(random: np.random.Generator) -> None:
    found = check(ACCURACY, priced(random, 4000, 1.5, other=1.0), reference(priced(random, 8000, 0.0)))
    assert found.firing
    assert "; most of the loss (0." in found.summary or "; all of the loss (0." in found.summary
    assert found.summary.endswith("goes with price") and "95 % interval 0." in found.summary
    assert not [line for line in found.details if line.endswith("goes with size")], "it moved, and nothing came of it"


def test_where_the_relation_broke_or_no_feature_moved_nothing_is_said_to_go_with_one(
    random: np.random.Generator,
) -> None:
    before = reference(priced(random, 8000, 0.0))
    for now in (priced(random, 4000, 0.0, broken=0.3), priced(random, 4000, 0.0, other=2.0, broken=0.3)):
        found = check(ACCURACY, now, before)
        assert found.firing and "goes with" not in " ".join([found.summary, *found.details])


def test_where_the_reference_has_no_such_rows_it_cannot_be_told_and_nothing_is_said(
    random: np.random.Generator,
) -> None:
    found = check(ACCURACY, priced(random, 4000, 9.0), reference(priced(random, 8000, 0.0)))
    assert found.firing and "goes with" not in found.summary


def test_a_feature_that_the_model_does_not_go_by_is_not_blamed(random: np.random.Generator) -> None:
    before = reference(priced(random, 8000, 0.0), {"size": 1.0, "price": 0.0})
    assert "goes with" not in check(ACCURACY, priced(random, 4000, 1.5), before).summary


@pytest.mark.parametrize(
    ("metric", "more"), [("mae", {}), ("log_loss", {}), ("recall", {}), ("f1", {}), ("roc_auc", {})]
)
def test_every_metric_that_cannot_be_explained_is_checked_all_the_same(
    random: np.random.Generator, metric: str, more: Mapping[str, Any]
) -> None:
    def rows(size: int, around: float) -> Table:
        made = priced(random, size, around)
        assert made.prediction is not None
        chance = np.clip(made.prediction * 0.8 + random.random(size) * 0.2, 0.01, 0.99)
        return made._replace(score=chance, prediction=made.prediction * (1.0 if metric == "mae" else 1))

    found = check({"kind": "performance", "metric": metric, **more}, rows(4000, 1.8), reference(rows(8000, 0.0)))
    assert found.firing
    assert ("goes with price" in found.summary) == (metric != "roc_auc")


def test_importance_by_permutation_is_that_of_the_columns_that_a_model_goes_by(random: np.random.Generator) -> None:
    rows = {"price": random.normal(size=500), "noise": random.normal(size=500)}
    labels = 3 * rows["price"] + random.normal(size=500) / 10
    model = LinearRegression().fit(np.column_stack(list(rows.values())), labels)
    found = permutation_importance(model, rows, labels)
    assert list(found) == ["price", "noise"]
    assert found["price"] > 1 and 0.01 > found["noise"] >= 0


def people(random: np.random.Generator, rates: Mapping[str, tuple[int, float]]) -> Table:
    """By group how many rows, and how often the positive class is predicted where it is true."""
    sexes = np.concatenate([np.array([name] * rows, dtype=object) for name, (rows, _) in rates.items()])
    chance = np.concatenate([np.full(rows, rate) for rows, rate in rates.values()])
    label = random.integers(0, 2, len(sexes))
    predicted = np.where(label == 1, random.random(len(sexes)) < chance, random.random(len(sexes)) < 0.1)
    return table({"sex": sexes, "age": random.normal(40, 10, len(sexes))}, predicted.astype(int), label)


FAIR = {"kind": "fairness", "metric": "equal_opportunity", "column": "sex", "at_most": 0.1}


def life(
    random: np.random.Generator, monitor: Mapping[str, Any], windows: Sequence[Mapping[str, tuple[int, float]]]
) -> list[Outcome]:
    found, state = list[Outcome](), b""
    for rates in windows:
        found.append(check(monitor, people(random, rates), None, state))
        state = found[-1].state
    return found


def test_a_group_that_fares_worse_by_more_than_it_may_is_named_with_its_interval(random: np.random.Generator) -> None:
    found = life(random, FAIR, [{"m": (600, 0.85), "f": (300, 0.55)}] * 6)[-1]
    assert found.firing
    assert (
        "true positive rate of sex = m is 0.3" in found.summary and "above that of f (95 % interval 0." in found.summary
    )
    assert found.summary.endswith("and should be 0.1 at most")
    assert [line.split(":")[0] for line in found.details] == ["f", "m"]
    measured = found.measured
    assert measured is not None and measured.value is not None and measured.value > 0.2 and measured.limit == 0.1


def test_a_group_of_few_rows_has_an_interval_and_no_verdict(random: np.random.Generator) -> None:
    [found] = life(random, FAIR, [{"m": (2000, 0.9), "f": (20, 0.5)}])
    assert not found.firing
    assert "(95 % interval" in found.summary and any(line.startswith("f: ") for line in found.details)


def test_rates_that_move_together_and_gaps_within_the_limit_are_no_finding(random: np.random.Generator) -> None:
    windows: list[Mapping[str, tuple[int, float]]] = [
        {"m": (100 + 400 * (n % 2), 0.5 + 0.4 * (n % 2)), "f": (500 - 400 * (n % 2), 0.45 + 0.4 * (n % 2))}
        for n in range(40)
    ]
    assert not any(one.firing for one in life(random, FAIR, windows)), "pooled rates would be far apart"


def test_a_new_group_is_judged_from_when_it_comes_and_what_became_fair_ends(random: np.random.Generator) -> None:
    calm, unfair = {"m": (600, 0.8), "f": (600, 0.8)}, {"m": (600, 0.8), "f": (600, 0.8), "x": (300, 0.4)}
    assert not life(random, FAIR, [calm] * 3)[-1].firing
    found = life(random, FAIR, [calm] * 3 + [unfair] * 6 + [{**calm, "x": (300, 0.8)}] * 25)
    assert found[8].firing and "above that of x" in found[8].summary
    assert not found[-1].firing


def test_false_alarms_come_as_rarely_as_promised_at_the_limit_itself() -> None:
    alarms = 0
    for seed in range(30):
        random, test = np.random.default_rng(seed), Fairness.of(["m", "f"], limit=0.1)
        lives = ({"m": random.random(200) < 0.7, "f": random.random(100) < 0.6} for _ in range(30))
        alarms += any([test.update(hits) for hits in lives])
    assert alarms <= 4


def test_parity_needs_no_labels_and_says_which_class_it_is_of(random: np.random.Generator) -> None:
    monitor = {"kind": "fairness", "metric": "demographic_parity", "column": "sex", "at_most": 0.05}
    assert not kind_of(rules_from(monitor)).of_labels and kind_of(rules_from(FAIR)).of_labels
    now = people(random, {"m": (1500, 0.9), "f": (1500, 0.3)})._replace(label=None)
    found = check(monitor, now, None)
    assert found.firing and "positive predictions of sex = m" in found.summary
    names = np.where(np.asarray(now.prediction) == 1, "yes", "no").astype(object)
    with pytest.raises(CheckSkipped, match="positive"):
        check(monitor, now._replace(prediction=names), None)
    assert check(monitor, now._replace(prediction=names), None, positive="yes").firing


def test_numbers_are_judged_by_the_reference_s_quarters(random: np.random.Generator) -> None:
    monitor = {**FAIR, "column": "age"}
    now = people(random, {"m": (2000, 0.8)})
    assert now.prediction is not None
    old = now.features["age"] > 47
    now = now._replace(prediction=np.where(old, 0, now.prediction))
    with pytest.raises(CheckSkipped, match="there is none"):
        check(monitor, now, None)
    found = check(monitor, now, reference(people(random, {"m": (2000, 0.8)})))
    assert found.firing and "above that of age > 4" in found.summary


def test_what_is_missing_is_said(random: np.random.Generator) -> None:
    now = people(random, {"m": (100, 0.8)})
    for monitor, rows, why in (
        ({**FAIR, "column": "gender"}, now, "no column 'gender'"),
        (FAIR, now._replace(prediction=None), "needs predictions"),
        (FAIR, now._replace(label=None), "needs labels"),
        (FAIR, now, "only m had rows"),
    ):
        with pytest.raises(CheckSkipped, match=why):
            check(monitor, rows, None)


OUTLIERS = {"kind": "outliers", "at_most": 0.05}


@pytest.mark.parametrize("method", ["mahalanobis", "iforest"])
def test_rows_unlike_all_of_the_reference_are_a_finding_when_they_are_more_than_may_be(
    random: np.random.Generator, method: str
) -> None:
    def rows(count: int, strange: int) -> Table:
        x = random.normal(size=count)
        y = x + random.normal(size=count) / 5
        x[:strange], y[:strange] = 9.0, -9.0
        return table({"x": x, "y": y, "shop": random.choice(["a", "b"], count).astype(object)})

    before, state = reference(rows(4000, 0)), b""
    for _ in range(10):
        calm = check({**OUTLIERS, "method": method}, rows(500, 0), before, state)
        state = calm.state
        assert not calm.firing and "and 5.0 % at most should be" in calm.summary
    found = check({**OUTLIERS, "method": method}, rows(1000, 400), before, state)
    assert found.firing and "of 1000 rows are unlike the reference 2026-02" in found.summary
    assert found.measured is not None and found.measured.limit == 0.05


def test_an_outlier_monitor_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="at_most is more than usual"):
        rules_from({**OUTLIERS, "at_most": 0.01})


def test_the_state_of_a_monitor_that_explains_goes_on_after_an_upgrade() -> None:
    written = written_as_before(rules_from(ACCURACY))
    assert "explain" not in written
    assert msgspec.json.encode(written)
