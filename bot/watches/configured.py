"""Which watches the rules ask for."""

from collections.abc import Callable
from datetime import datetime

from bot.domain.rules import Rules
from bot.pipeline.watch import Watch
from bot.watches.expiry import ExpiryWatch
from bot.watches.heartbeats import HeartbeatsWatch
from bot.watches.logs.watch import LogsWatch
from bot.watches.metrics.watch import MetricsWatch


def watches(rules: Rules, clock: Callable[[], datetime]) -> list[Watch]:
    """A watch for each part of the rules that names something to watch."""
    found: list[Watch] = []
    if rules.metrics.watch:
        found.append(MetricsWatch(rules, clock))
    if rules.logs.watch:
        found.append(LogsWatch(rules, clock))
    if rules.alerts.expire_after is not None:
        found.append(ExpiryWatch(rules, clock))
    if rules.heartbeats:
        found.append(HeartbeatsWatch(rules))
    return found
