"""Inhibition: a host that is down explains what fires on it. Such alerts are folded into a line; none is lost."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from bot.domain.severity import Severity

BEFORE = timedelta(minutes=10)
"""A rule that says that a host is down often waits some minutes: what began so much earlier may still be explained."""
_NAMED = 3

_HOST = r"(?:kube(?:rnetes)?|k8s|host|node(?!exporter)|machine|vm|hypervisor)"
_LOOKS = r"(?:prometheus|instance|target|server|nodeexporter|exporter|probe|ping|icmp|agent|heartbeat)"
_STATE = r"(?:is)?(?:down|dead|unreachable|notready|offline|absent|missing|(?<=probe)failed|(?<=ping)failed)"
_DOWN = re.compile(rf"(?:{_HOST}|{_LOOKS})*{_STATE}", re.IGNORECASE)
_HOST_DOWN = re.compile(rf"(?:{_HOST})+{_STATE}", re.IGNORECASE)
_BETWEEN = re.compile(r"[\W_]+")


class Folded(msgspec.Struct, frozen=True):
    """Active alerts of one kind that are explained by ``host``, which is down."""

    host: str
    service: str
    name: str
    severity: Severity
    flapping: bool
    alerts: int


class Placed(NamedTuple):
    """Active alerts of one kind, counted by the host on which their labels place them; empty where they name none."""

    service: str
    name: str
    severity: Severity
    flapping: bool
    host: str
    alerts: int
    first_at: datetime


def says_down(name: str) -> bool:
    """Whether an alert of this name, where it is about a host, says that the host is down.

    >>> [says_down(name) for name in ("InstanceDown", "KubeNodeNotReady", "host is down", "NetworkInterfaceDown")]
    [True, True, True, False]
    """
    return _DOWN.fullmatch(_BETWEEN.sub("", name)) is not None


def is_down(placed: Placed) -> bool:
    """Whether alerts say that the host is down on which their labels place them: they are about it, or name it so."""
    if not placed.host or not says_down(placed.name):
        return False
    return placed.service == placed.host or _HOST_DOWN.fullmatch(_BETWEEN.sub("", placed.name)) is not None


def inhibited(
    placed: Sequence[Placed], down: Mapping[str, datetime], runs_on: Mapping[str, AbstractSet[str]]
) -> list[Folded]:
    """What hosts explain that are down since a moment.

    Explained is what the labels place on such a host; and what they place nowhere, if its service runs on such hosts
    and no other, as ``runs_on`` knows it. Not explained is what a host says of itself, and what fired long before.
    """
    found = []
    for kind in placed:
        host = None if is_down(kind) or kind.service in down else _host_of(kind, down, runs_on)
        if host and kind.first_at >= down[host] - BEFORE:
            found.append(Folded(host, kind.service, kind.name, kind.severity, kind.flapping, kind.alerts))
    return found


def _host_of(kind: Placed, down: Mapping[str, datetime], runs_on: Mapping[str, AbstractSet[str]]) -> str | None:
    if kind.host:
        return kind.host if kind.host in down else None
    hosts = runs_on.get(kind.service, frozenset[str]())
    return min(hosts) if hosts and hosts <= down.keys() else None


def folded_by_kind(folded: Iterable[Folded]) -> Counter[tuple[str, str, Severity, bool]]:
    """How many alerts of each kind are folded."""
    counted: Counter[tuple[str, str, Severity, bool]] = Counter()
    for kind in folded:
        counted[kind.service, kind.name, kind.severity, kind.flapping] += kind.alerts
    return counted


def hosts_in(folded: Iterable[Folded]) -> list[str]:
    """The hosts that explain anything, the one with the most alerts first."""
    counted: Counter[str] = Counter()
    for kind in folded:
        counted[kind.host] += kind.alerts
    return sorted(counted, key=lambda host: (-counted[host], host))


def in_words(folded: Sequence[Folded]) -> str:
    """``14 alerts of 6 services on db-1 (down) are its consequence``; empty where nothing is folded."""
    hosts = hosts_in(folded)
    if not hosts:
        return ""
    count = sum(kind.alerts for kind in folded)
    services = len({kind.service for kind in folded if kind.service})
    what = "1 alert" if count == 1 else f"{count} alerts"
    of = f" of {services} {'service' if services == 1 else 'services'}" if services else ""
    where = ", ".join(hosts[:_NAMED]) + (f" and {len(hosts) - _NAMED} more hosts" if len(hosts) > _NAMED else "")
    verb, whose = "is" if count == 1 else "are", "its" if len(hosts) == 1 else "their"
    return f"{what}{of} on {where} (down) {verb} {whose} consequence"
