"""Which watches learn from the samples of metrics, and so need them until they are in their snapshots."""

from bot.domain.watched.telemetry import MetricRules
from bot.watches.forecast import memory as forecast_memory
from bot.watches.metrics import memory as metrics_memory


def learning_from_samples(metrics: MetricRules) -> list[str]:
    """The names of their snapshots."""
    watched = [metrics_memory.WATCH] if metrics.watch else []
    return [*watched, forecast_memory.WATCH] if metrics.forecasts else watched
