"""What ``forecast`` of a watch may say, and how mistakes in it are told."""

from pathlib import Path

import pytest

from bot.config import load_config
from bot.domain.rules import Rules
from bot.domain.watched.forecast import LimitSeries
from bot.domain.watched.telemetry import MetricRules
from bot.errors import ConfigError
from bot.watches.forecast.memory import limit_name
from handlers.telemetry.gathering import Watching


def rules(**forecast: object) -> MetricRules:
    return MetricRules.model_validate({"watch": {"queue": {"match": ["__name__=queue"], "forecast": forecast}}})


@pytest.mark.parametrize(
    ("forecast", "says"),
    [
        ("{limit: many}", "a limit is a number"),
        ("{limit: true}", "a limit is a number"),
        ("{limit: .inf}", "finite"),
        ("{ahead: 2h}", "limit"),
        ("{limit: 5, ahead: 1m}", "10m to 7d"),
        ("{limit: 5, ahead: 30d}", "10m to 7d"),
        ("{limit: 5, side: over}", "above"),
        ("{limit: 5, sure: 80}", "0.99"),
        ("{limit: 5, aheda: 2h}", "ahead"),
        ("{limit: {metrics: capacity}}", "metric"),
    ],
)
def test_a_mistake_is_told_with_its_line(forecast: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "tandem.yaml"
    file.write_text(f"metrics:\n  watch:\n    queue:\n      match: [__name__=queue]\n      forecast: {forecast}\n")
    with pytest.raises(ConfigError, match=rf"{file.name}:5: .*{says}"):
        load_config(file)


def test_logs_have_no_limit(tmp_path: Path) -> None:
    file = tmp_path / "tandem.yaml"
    file.write_text("logs:\n  watch:\n    shop:\n      match: [service=shop]\n      forecast: {limit: 5}\n")
    with pytest.raises(ConfigError, match=r"tandem.yaml:5: .*forecast"):
        load_config(file)


def test_nothing_is_forecast_unless_it_is_written() -> None:
    assert not MetricRules.model_validate({"watch": {"queue": {"match": ["__name__=queue"]}}}).forecasts
    assert rules(limit=5).forecasts and not rules(limit=5).is_limit("queue")


def test_a_series_and_its_limit_agree_in_all_labels_or_in_those_that_are_named() -> None:
    used, size = {"__name__": "used", "pod": "a", "volume": "v"}, {"__name__": "size", "pod": "a", "volume": "v"}
    whole, on = LimitSeries(metric="size"), LimitSeries(metric="size", on=["pod"])
    assert limit_name(whole, used) == limit_name(whole, size)
    assert limit_name(whole, used) != limit_name(whole, {**size, "volume": "w"})
    assert limit_name(on, used) == limit_name(on, {**size, "volume": "w"})
    assert rules(limit={"metric": "size"}).is_limit("size")


def test_a_series_that_is_a_limit_is_kept_though_nobody_watches_it() -> None:
    watching = Watching(Rules(metrics=rules(limit={"metric": "capacity"})))
    assert watching.series({"__name__": "capacity", "service": "shop"}) is not None
    assert watching.series({"__name__": "other", "service": "shop"}) is None
