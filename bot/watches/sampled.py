"""Which watches learn from the samples of metrics, and so need them until they are in their snapshots."""

from bot.domain.watched.telemetry import MetricRules
from bot.watches.names import FORECAST, METRICS


def learning_from_samples(metrics: MetricRules) -> list[str]:
    """The names of their snapshots."""
    watched = [METRICS] if metrics.watch else []
    return [*watched, FORECAST] if metrics.forecasts else watched
