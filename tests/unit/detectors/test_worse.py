"""Whether events come more often than before, asked again and again."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.worse import ALPHA, evidence_of_more


@given(st.integers(0, 200), st.floats(1e-6, 1e4))
def test_more_events_are_more_evidence_and_none_are_none(events: int, expected: float) -> None:
    assert evidence_of_more(events + 1, expected) >= evidence_of_more(events, expected)
    assert evidence_of_more(0, expected) <= 1


@pytest.mark.montecarlo
def test_asking_all_the_time_says_worse_wrongly_to_few() -> None:
    draw, wrong = random.Random(1), 0
    for _ in range(2000):
        at, events = 0.0, 0
        while (at := at + draw.expovariate(1.0)) < 30:
            events += 1
            if evidence_of_more(events, at) >= 1 / ALPHA:
                wrong += 1
                break
    assert wrong / 2000 <= ALPHA
