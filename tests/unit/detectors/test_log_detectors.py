"""What is abnormal about how templates come: their rate, new ones, ones that stop, bursts of errors."""

import json
from collections.abc import Callable, Mapping
from random import Random

import pytest

from detectors.logs import Burst, Finding, LogDetector, Rate, Stopped, Unseen, Window

MINUTE = 60.0


def minutes(detector: LogDetector, windows: list[Mapping[int, int]], begin: int = 0) -> list[Finding]:
    """What is found when every line is an error, one window a minute."""
    return [
        finding
        for minute, lines in enumerate(windows, begin)
        for finding in detector.update(Window(minute * MINUTE, MINUTE, lines, lines))
    ]


def usual(seed: int, count: int = 200, mean: int = 20) -> list[Mapping[int, int]]:
    """Windows with about ``mean`` lines of template 1, as varied as a Poisson count."""
    random = Random(seed)
    return [{1: sum(random.random() < mean / 1000 for _ in range(1000))} for _ in range(count)]


DETECTORS: dict[str, Callable[[], LogDetector]] = {
    "rate": Rate, "burst": Burst, "stopped": Stopped, "unseen": lambda: Unseen(learning=30 * MINUTE),
}  # fmt: skip
ABNORMAL: dict[str, Mapping[int, int]] = {"rate": {1: 90}, "burst": {1: 90}, "stopped": {}, "unseen": {1: 20, 2: 1}}


@pytest.mark.parametrize("kind", DETECTORS)
def test_the_usual_is_no_finding_and_the_abnormal_is_one(kind: str) -> None:
    detector = DETECTORS[kind]()
    assert minutes(detector, usual(seed=1)) == []
    found = minutes(detector, [ABNORMAL[kind]] * 4, begin=200)
    assert {finding.kind for finding in found} == {kind}
    assert all(0.0 <= finding.score <= 1.0 for finding in found)


@pytest.mark.parametrize("kind", DETECTORS)
def test_a_detector_goes_on_from_its_state_as_if_nothing_had_happened(kind: str) -> None:
    detector, restored = DETECTORS[kind](), DETECTORS[kind]()
    minutes(detector, usual(seed=2))
    restored.restore(json.loads(json.dumps(detector.state())))
    after: list[Mapping[int, int]] = [ABNORMAL[kind]] * 4
    assert minutes(restored, after, begin=200) == minutes(detector, after, begin=200) != []
    assert restored.state() == detector.state()


@pytest.mark.parametrize("kind", DETECTORS)
def test_the_state_is_bounded_however_many_templates_come(kind: str) -> None:
    detector = DETECTORS[kind]()
    minutes(detector, [{minute * 100 + n: 1 for n in range(100)} for minute in range(30)])
    size = len(json.dumps(detector.state()))
    minutes(detector, [{minute * 100 + n: 1 for n in range(100)} for minute in range(30, 200)], begin=30)
    assert len(json.dumps(detector.state())) < size * 10


@pytest.mark.parametrize("kind", ["rate", "stopped", "unseen"])
def test_a_template_that_became_another_is_no_finding(kind: str) -> None:
    detector = DETECTORS[kind]()
    minutes(detector, usual(seed=3))
    for minute in range(200, 260):
        lines = {7: 20}
        assert detector.update(Window(minute * MINUTE, MINUTE, lines, became={1: 5, 5: 7})) == []


def test_rare_lines_that_vary_are_not_a_rate_anomaly() -> None:
    assert minutes(Rate(), usual(seed=4, count=2000, mean=1)) == []


def test_a_template_that_falls_to_a_fraction_is_a_rate_anomaly() -> None:
    rate = Rate()
    minutes(rate, usual(seed=5, mean=200))
    (found,) = minutes(rate, [{1: 20}], begin=200)
    assert found.observed == 20 and found.expected == pytest.approx(200, rel=0.1)


def test_a_fault_that_lasts_does_not_become_the_custom_at_once() -> None:
    rate = Rate()
    minutes(rate, usual(seed=6))
    assert len(minutes(rate, [{1: 200}] * 10, begin=200)) == 10


def test_a_new_level_becomes_the_custom_in_the_end() -> None:
    rate = Rate()
    minutes(rate, usual(seed=7))
    minutes(rate, [{1: 200}] * 3000, begin=200)
    assert minutes(rate, [{1: 200}], begin=3200) == []


def test_a_template_that_is_often_new_scores_less() -> None:
    unseen = Unseen(learning=MINUTE)
    scores = [finding.score for finding in minutes(unseen, [{minute: 1} for minute in range(200)])]
    assert scores[0] == 1.0 and scores[-1] < 0.2


def test_all_errors_count_for_a_burst_and_the_loudest_is_named() -> None:
    burst = Burst()
    minutes(burst, usual(seed=8, mean=3))
    (found,) = minutes(burst, [{1: 5, 2: 30, 3: 20}], begin=200)
    assert (found.template, found.observed) == (2, 55)


def test_a_few_errors_after_none_are_no_burst() -> None:
    burst = Burst(least=5)
    minutes(burst, [{}] * 200)
    assert minutes(burst, [{1: 4}], begin=200) == []


def test_the_end_of_a_template_is_told_once_until_it_comes_again() -> None:
    stopped = Stopped(learning=10)
    minutes(stopped, [{1: 1}] * 20)
    assert len(minutes(stopped, [{}] * 60, begin=20)) == 1
    minutes(stopped, [{1: 1}], begin=80)
    assert len(minutes(stopped, [{}] * 500, begin=81)) == 1


def test_a_template_seen_seldom_is_not_missed() -> None:
    assert minutes(Stopped(learning=10), [{1: 1}, {}, {1: 1}, *[{}] * 500]) == []
