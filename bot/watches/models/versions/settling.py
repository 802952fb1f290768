"""The versions of a model that a monitor judged apart: which still serve, and what ends with those that do not."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from bot.domain.event import AlertEvent, EndedBy
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.alerts import FAILED, Subject, resolved
from bot.watches.models.job import Result
from bot.watches.models.kinds.registry import kind_of
from bot.watches.models.memory import Memory, ModelCursor, Moment, MonitorState

GONE_AFTER = 5
"""Checks in a row without a row of a version, after which it no longer serves: its alerts end."""


class Judged(NamedTuple):
    """A check as a whole, whether it judged versions ``apart``, and those that had rows in it."""

    whole: Result
    apart: bool
    served: Collection[str | None]


def settle_versions(
    memory: Memory, cursor: ModelCursor, rules: MonitorRules, judged: Judged, at: Moment
) -> list[AlertEvent]:
    """End what is of versions that serve no more, that gave way to others, or that are judged apart no more."""
    name, found = judged.whole.name, list[AlertEvent]()
    for version, state in memory.versions_of(cursor.model, name, cursor.domain).items():
        of = Subject(cursor, name, version)
        if not judged.apart or version in judged.whole.ended:
            why = "versions are judged apart no more" if not judged.apart else "newer versions took its place"
            found += _ended(of, rules, state, why, at)
            memory.forget_monitor(state)
        elif len(judged.served) > 1 and version not in judged.served and state.absent < GONE_AFTER:
            absent = msgspec.structs.replace(state, absent=state.absent + 1)
            if absent.absent == GONE_AFTER:
                why = f"no row of it was among those of {GONE_AFTER} checks: it no longer serves"
                found += _ended(of, rules, state, why, at)
                absent.firing_since = absent.failed_since = None
            memory.monitor_changed(absent, at.position)
    return found


def _ended(of: Subject, rules: MonitorRules, state: MonitorState, why: str, at: Moment) -> list[AlertEvent]:
    open_ones = [(kind_of(rules).alertname, state.firing_since), (FAILED, state.failed_since)]
    ends = [resolved(of, name, since, at.now, why) for name, since in open_ones if since]
    return [msgspec.structs.replace(end, ended_by=EndedBy.SOURCE_SILENT) for end in ends]
