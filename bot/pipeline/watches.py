"""Which watches the rules ask for."""

from collections.abc import Callable
from datetime import datetime

from bot.domain.rules import Rules
from bot.pipeline.watch import Watch
from bot.pipeline.watch_heartbeats import HeartbeatsWatch
from bot.pipeline.watch_logs import LogsWatch
from bot.pipeline.watch_metrics import MetricsWatch


def watches(rules: Rules, clock: Callable[[], datetime]) -> list[Watch]:
    """A watch for each part of the rules that names something to watch."""
    found: list[Watch] = []
    if rules.metrics.watch:
        found.append(MetricsWatch(rules, clock))
    if rules.logs.watch:
        found.append(LogsWatch(rules, clock))
    if rules.heartbeats:
        found.append(HeartbeatsWatch(rules))
    return found
