"""Which watches the rules ask for. Each is imported where it is: some bring numpy, and much code of ours."""

from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime
from typing import TYPE_CHECKING

from bot.domain.rules import Rules
from bot.pipeline.watch import Watch
from bot.watches.expiry import ExpiryWatch
from bot.watches.heartbeats import HeartbeatsWatch
from bot.watches.lineage.watch import LineageWatch

if TYPE_CHECKING:
    from detectors.rootcause.history import History


def watches(
    rules: Rules,
    clock: Callable[[], datetime],
    histories: MutableMapping[int, Mapping[str, "History"]] | None = None,
) -> list[Watch]:
    """A watch for each part of the rules that names something to watch; ``histories`` shows others what metrics say."""
    found: list[Watch] = []
    if rules.metrics.watch:
        from bot.watches.metrics.watch import MetricsWatch

        found.append(MetricsWatch(rules, clock, histories))
    if rules.metrics.forecasts:
        from bot.watches.forecast.watch import ForecastWatch

        found.append(ForecastWatch(rules, clock))
    if rules.logs.watch:
        from bot.watches.logs.watch import LogsWatch

        found.append(LogsWatch(rules, clock))
    if rules.llm.watch:
        from bot.watches.llm.watch import LlmWatch

        found.append(LlmWatch(rules, clock))
    found.append(LineageWatch(rules))
    if rules.alerts.expire_after is not None:
        found.append(ExpiryWatch(rules, clock))
    if rules.heartbeats:
        found.append(HeartbeatsWatch(rules))
    return found
