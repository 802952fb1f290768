"""How much a model goes by each feature."""

import pytest

from bot.domain.watched.monitor import WatchedModel
from bot.watches.models.measuring.importance import importance_of


@pytest.mark.parametrize(
    ("given", "shares"),
    [
        ({"a": 3.0, "b": 1.0}, {"a": 0.75, "b": 0.25}),
        ({"a": 1e308, "b": 1e308}, {"a": 0.5, "b": 0.5}),
        ({"a": 5e-324, "b": 0.0}, {"a": 1.0, "b": 0.0}),
        ({"a": 0.0}, {}),
        ({}, {}),
    ],
)
def test_only_the_shares_count_on_whatever_scale(given: dict[str, float], shares: dict[str, float]) -> None:
    assert importance_of(WatchedModel(importance=given), None) == shares
