"""Whether data still comes: no data is a finding."""

from datetime import datetime

import msgspec

from bot.domain.duration import format_duration
from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.watches.models.alerts import STALE, is_over, says
from bot.watches.models.memory import Head, Memory
from detectors.drift.quality import stale


def look_for_freshness(memory: Memory, head: Head, rules: Rules, now: datetime, elsewhere: bool) -> list[AlertEvent]:
    """What is to be said of a model whose data no longer comes, or comes again.

    ``elsewhere`` says that its data comes in another correlation domain, so that none is expected in this one.
    """
    found: list[AlertEvent] = []
    for name, monitor in rules.models[head.model].monitors.items():
        if monitor.fresh_within is None:
            continue
        state = memory.monitor(head.model, name)
        newest = (head.newest_at or head.began_at).timestamp()
        late = None if elsewhere else stale(newest, now.timestamp(), monitor.fresh_within.total_seconds())
        if late is not None and state.stale_since is None:
            memory.monitor_changed(msgspec.structs.replace(state, stale_since=now))
            since = f"since {head.newest_at:%Y-%m-%d %H:%M} UTC" if head.newest_at else "since it is watched"
            summary = f"{head.model} got no predictions {since}; they should come every "
            summary += format_duration(monitor.fresh_within)
            found.append(says(head, name, STALE, monitor.severity, now, summary))
        elif late is None and state.stale_since is not None:
            memory.monitor_changed(msgspec.structs.replace(state, stale_since=None))
            found.append(is_over(head, name, STALE, state.stale_since, now, "predictions come again"))
    return found
