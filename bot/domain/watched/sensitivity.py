"""How much rarer than configured a watch may raise false alarms, after people said that its alerts are not useful."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from bot.domain.alert import Alert
from bot.domain.duration import format_duration

OWN_SOURCE = "tandem"
NOT_BY_CHANCE = frozenset(
    {
        *("InstanceDiffersFromPeers", "MetricsMissing", "LogsMissing", "LogLineStopped"),
        *("SaturationForecast", "DiskFullForecast"),
    }
)
"""Alerts of watches that no rate of false alarms governs: they say what is so, and can only be silenced."""
STEP = 2.0
MOST = 64.0


class WatchGroup(NamedTuple):
    """What a watch alerts about as one; ``group`` is the alert's own group, within its correlation domain."""

    domain: str
    watch: str
    group: str

    @property
    def name(self) -> str:
        """Short enough for a command.

        >>> WatchGroup("eu", "latency", "latency service=checkout").name
        '800d9477'
        """
        return hashlib.blake2b("\0".join(self).encode(), digest_size=4).hexdigest()


class Sensitivity(msgspec.Struct, frozen=True, kw_only=True):
    """``factor`` times as long as configured passes between two false alarms. ``incident_id`` is where that was asked
    for last."""

    domain: str
    watch: str
    group: str
    factor: float = 1.0
    incident_id: str = ""
    changed_at: datetime
    changed_by: str

    @property
    def of(self) -> WatchGroup:
        return WatchGroup(self.domain, self.watch, self.group)


def watch_group_of(alert: Alert) -> WatchGroup | None:
    """The group of a watch that an alert speaks for; None where no watch raised it, or not by chance."""
    return watch_group(alert.source, alert.domain, alert.labels, alert.group)


def watch_group(source: str, domain: str, labels: Mapping[str, str], group: str) -> WatchGroup | None:
    """:func:`watch_group_of` from an alert's parts."""
    watch = labels.get("watch", "") if source == OWN_SOURCE else ""
    return WatchGroup(domain, watch, group) if watch and labels.get("alertname") not in NOT_BY_CHANCE else None


def lowered(known: Sensitivity, incident_id: str, user: str, now: datetime) -> Sensitivity:
    """The sensitivity after one more person found an alert not useful."""
    factor = min(known.factor * STEP, MOST)
    return msgspec.structs.replace(known, factor=factor, incident_id=incident_id, changed_at=now, changed_by=user)


def rate_in_words(one_false_alarm_in: timedelta, factor: float) -> str:
    """How often a false alarm may be.

    >>> rate_in_words(timedelta(days=7), 2.0)
    'one false alarm in 14d'
    """
    return f"one false alarm in {format_duration(one_false_alarm_in * factor)}"
