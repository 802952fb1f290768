"""Which class a metric is of: given, told by the reference or the score, or else the check is not made and says so."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn import metrics

from bot.domain.watched.metric import Average
from bot.domain.watched.monitor import MonitorRules, WatchedModel
from bot.model_store.references import Lineage, Reference
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome, kind_of, rules_from
from bot.watches.models.performance import Judgement
from bot.watches.models.window import LoadedReference, Table, Window
from detectors.drift.packing import pack
from detectors.drift.profile import build
from detectors.performance.betting import Bettor

ONE_CLASS = ("recall", "precision", "f1")
NO_CLASSES = WatchedModel()


def monitor(**given: Any) -> MonitorRules:
    rules = rules_from({"kind": "performance", **given})
    assert isinstance(rules, MonitorRules)
    return rules


def check(
    rules: MonitorRules, model: WatchedModel, table: Table, before: Table | None = None, state: bytes = b""
) -> Outcome:
    loaded = known(before) if before is not None else None
    return kind_of(rules).check(rules, CheckInput(model, state, Window(table), loaded))


def known(table: Table, positive: str = "") -> LoadedReference:
    reference = Reference(
        "m", "v1", "d", "p", table.rows, {}, Lineage(positive=positive), datetime(2026, 3, 1, tzinfo=UTC)
    )
    return LoadedReference(reference, build(table.features), table, build(table.outputs()), {})


def objects(values: Any) -> Any:
    made = np.empty(len(values), dtype=object)
    made[:] = list(values)
    return made


def payments(rows: int, found: float, names: tuple[object, object] = ("legit", "fraud"), **columns: Any) -> Table:
    """One payment of twenty is a fraud; the model finds such a share of them, and calls no other payment one."""
    fraud = np.arange(rows) % 20 == 0
    predicted = fraud & (np.arange(rows) // 20 % 10 < found * 10)
    label, prediction = ([names[int(one)] for one in column] for column in (fraud, predicted))
    return Table(rows, {"x": np.zeros(rows)}, prediction=objects(prediction), label=objects(label), **columns)


@pytest.mark.parametrize("names", [("legit", "fraud"), ("alright", "bad"), ("z", "a"), (0, 1), (False, True)])
def test_a_model_that_misses_every_rare_case_is_bad_whatever_the_classes_are_called(names: tuple[Any, Any]) -> None:
    model = WatchedModel(positive=names[1])
    for metric in ("recall", "f1"):
        outcome = check(monitor(metric=metric, minimum=0.5), model, payments(2000, 0.0, names))
        assert outcome.firing and "is 0, and should be at least 0.5" in outcome.summary
    assert not check(monitor(metric="recall", minimum=0.5), model, payments(2000, 0.9, names)).firing


def test_the_class_is_named_where_it_is_no_plain_zero_and_one() -> None:
    model = WatchedModel(positive="fraud")
    outcome = check(monitor(metric="recall"), model, payments(2000, 0.0), payments(4000, 0.8))
    assert outcome.summary == "recall of fraud is 0, and should be at least 0.75, 0.8 on the reference v1"


@pytest.mark.parametrize("metric", ONE_CLASS)
def test_which_of_two_names_is_positive_is_never_guessed(metric: str) -> None:
    with pytest.raises(CheckSkipped, match="give the model `positive`"):
        check(monitor(metric=metric, minimum=0.5), NO_CLASSES, payments(2000, 0.0))


@pytest.mark.parametrize("names", [(0, 1), (False, True), ("0", "1"), ("false", "true"), (-1, 1), (0.0, 1.0)])
def test_one_and_true_are_positive_by_themselves(names: tuple[Any, Any]) -> None:
    assert check(monitor(metric="recall", minimum=0.5), NO_CLASSES, payments(2000, 0.0, names)).firing


@pytest.mark.parametrize("positive", ["fraud", "legit"])
def test_scores_tell_which_class_they_are_the_probability_of(positive: str) -> None:
    [other] = {"fraud", "legit"} - {positive}
    table, usual = payments(2000, 0.0, (other, positive)), payments(2000, 0.8, (other, positive))
    assert usual.prediction is not None
    score = np.where(usual.prediction == positive, 0.8, 0.1)
    outcome = check(monitor(metric="recall"), NO_CLASSES, table, usual._replace(score=score))
    assert outcome.firing and f"recall of {positive} is 0" in outcome.summary


def test_a_score_that_is_the_confidence_in_either_class_tells_nothing() -> None:
    random, usual = np.random.default_rng(0), payments(2000, 0.8)
    with pytest.raises(CheckSkipped, match="positive"):
        check(monitor(metric="recall"), NO_CLASSES, usual, usual._replace(score=random.uniform(0.5, 1, 2000)))


def test_a_single_column_of_scores_and_the_references_own_word_tell_it_too() -> None:
    rules, table = monitor(metric="recall"), payments(2000, 0.0)
    scores = {"fraud": np.full(2000, 0.1)}
    assert check(rules, NO_CLASSES, table, payments(2000, 0.8)._replace(scores=scores)).firing
    loaded = known(payments(2000, 0.8), "fraud")
    assert kind_of(rules).check(rules, CheckInput(NO_CLASSES, b"", Window(table), loaded)).firing


def test_a_positive_class_that_is_none_is_named_with_the_nearest() -> None:
    with pytest.raises(CheckSkipped, match="'Fraud' is none of the classes fraud, legit; did you mean 'fraud'"):
        check(monitor(metric="recall"), WatchedModel(positive="Fraud"), payments(2000, 0.8), payments(2000, 0.8))


@pytest.mark.parametrize("metric, why", [("recall", "none of 40 labels"), ("precision", "predicted for none of 40")])
def test_rows_that_tell_nothing_of_the_class_are_no_good_news(metric: str, why: str) -> None:
    table = payments(40, 0.0)
    table = table._replace(label=objects(["legit"] * 40))
    with pytest.raises(CheckSkipped, match=why):
        check(monitor(metric=metric, minimum=0.5), WatchedModel(positive="fraud"), table)


SPELLINGS = [(0, 1), (0.0, 1.0), (False, True), ("0", "1"), ("0.0", "1.0"), ("false", "true"), ("False", "TRUE")]


@pytest.mark.parametrize("labels", SPELLINGS)
@pytest.mark.parametrize("predictions", SPELLINGS)
def test_labels_and_predictions_meet_in_whatever_spelling(labels: Any, predictions: Any) -> None:
    prediction, label = payments(400, 0.5, predictions).prediction, payments(400, 0.5, labels).label
    table = Table(400, {}, prediction=prediction, label=label)
    assert "accuracy is 0.975" in check(monitor(metric="accuracy", minimum=0.5), NO_CLASSES, table).summary
    for before in (None, payments(400, 0.5, (0, 1)), payments(400, 0.5, ("false", "true"))):
        assert "recall is 0.5" in check(monitor(metric="recall", minimum=0.3), NO_CLASSES, table, before).summary


def test_codes_with_leading_zeros_stay_apart() -> None:
    label, prediction = objects(["007", "7"] * 100), objects(["7", "7"] * 100)
    outcome = check(
        monitor(metric="accuracy", minimum=0.3), NO_CLASSES, Table(200, {}, prediction=prediction, label=label)
    )
    assert "accuracy is 0.5" in outcome.summary


def animals(rows: int, right: dict[str, float], seed: int = 0) -> Table:
    """Cats, dogs and a few newts, of which the model is right in such a share; with the chance of each class."""
    random = np.random.default_rng(seed)
    names = np.array(["cat", "dog", "newt"], dtype=object)
    truth = random.choice(3, rows, p=[0.6, 0.35, 0.05])
    share = np.array([right[name] for name in names])[truth]
    told = np.where(random.random(rows) < share, truth, (truth + random.integers(1, 3, rows)) % 3)
    chances = random.dirichlet([1, 1, 1], rows) * 0.5
    chances[np.arange(rows), told] += 0.5
    scores = {name: chances[:, place] for place, name in enumerate(names)}
    return Table(rows, {"x": np.zeros(rows)}, prediction=names[told], label=names[truth], scores=scores)


GOOD = {"cat": 0.9, "dog": 0.9, "newt": 0.9}
NO_NEWTS = GOOD | {"newt": 0.0}
OF_MANY = WatchedModel(classes=["cat", "dog", "newt"])


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@pytest.mark.parametrize("metric", ONE_CLASS)
def test_averages_are_those_of_scikit_learn(metric: str, average: str) -> None:
    table = animals(3000, GOOD)
    theirs = {"recall": metrics.recall_score, "precision": metrics.precision_score, "f1": metrics.f1_score}[metric]
    value = theirs(table.label, table.prediction, average=average)
    outcome = check(monitor(metric=metric, minimum=0.5, average=average), OF_MANY, table)
    assert outcome.summary == f"{average} {metric} is {value:.3g}, and should be at least 0.5" and not outcome.firing


@pytest.mark.parametrize("metric", ["recall", "precision", "f1", "roc_auc", "average_precision"])
def test_a_rare_class_that_is_missed_shows_in_the_macro_average(metric: str) -> None:
    rules = monitor(metric=metric)
    calm = check(rules, OF_MANY, animals(3000, GOOD, seed=1), animals(6000, GOOD))
    assert not calm.firing and f"macro {metric}" in calm.summary
    outcome = calm
    for seed in range(2, 8):
        outcome = check(rules, OF_MANY, animals(3000, NO_NEWTS, seed), animals(6000, GOOD), outcome.state)
    assert outcome.firing, outcome.summary


def test_the_area_under_the_curve_of_several_classes_is_one_against_the_rest() -> None:
    table = animals(3000, GOOD)
    chances = np.column_stack(list(table.scores.values()))
    value = metrics.roc_auc_score(table.label, chances, multi_class="ovr", average="macro")
    outcome = check(monitor(metric="roc_auc", minimum=0.5), OF_MANY, table)
    assert f"macro roc_auc is {value:.3g}" in outcome.summary


def test_each_class_may_be_judged_by_itself() -> None:
    rules = monitor(metric="recall", average=Average.PER_CLASS)
    calm = check(rules, NO_CLASSES, animals(3000, GOOD, seed=1), animals(6000, GOOD))
    assert not calm.firing and "each of 3 classes" in calm.summary
    found = check(rules, NO_CLASSES, animals(3000, NO_NEWTS), animals(6000, GOOD), calm.state)
    assert found.firing and found.summary.startswith("recall of newt is 0, and should be at least 0.8")
    assert found.chart and found.chart.x == ["cat", "dog", "newt"]


def test_of_three_classes_without_a_word_a_check_is_not_made() -> None:
    with pytest.raises(CheckSkipped, match="3: cat, dog, newt"):
        check(monitor(metric="recall", minimum=0.5), NO_CLASSES, animals(300, GOOD))
    outcome = check(monitor(metric="recall", minimum=0.5), WatchedModel(positive="newt"), animals(3000, NO_NEWTS))
    assert outcome.firing and "recall of newt is 0" in outcome.summary


def test_a_macro_average_needs_every_class() -> None:
    table = animals(3000, GOOD)
    assert table.label is not None
    there = table.label != "newt"
    few = Table(int(there.sum()), {}, prediction=table.prediction[there], label=table.label[there])  # type: ignore[index]
    with pytest.raises(CheckSkipped, match="needs rows of every class"):
        check(monitor(metric="recall", minimum=0.5), OF_MANY, few)


def test_a_state_of_an_earlier_version_goes_on_where_its_class_was_right_and_else_begins_anew() -> None:
    class Earlier(msgspec.Struct):
        whole: Bettor
        slices: list[int] = []
        found: int = 0

    spent = Bettor.at(0.5)
    for _ in range(50):
        spent.update(np.ones(100))
    assert spent.worse
    state = pack(Earlier(spent))
    rules = monitor(metric="recall", minimum=0.5)
    few = payments(20, 0.9, (0, 1))
    assert check(rules, NO_CLASSES, few, state=state).firing
    assert not check(rules, WatchedModel(positive="fraud"), payments(20, 0.9), state=state).firing
    assert Judgement(spent).positive == ""
