"""What correlation must withstand beside the usual: a wrong topology, clocks that differ, alerts that come late."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from random import Random

import msgspec

from tests.benchmarks.storm.alerts import Sent, Storm

SHARE = 0.2
APART = 60.0
LATE = 600.0


def as_it_is(storm: Storm, random: Random) -> Storm:
    return storm


def wrong_topology(storm: Storm, random: Random) -> Storm:
    """A fifth of the edges that are described is missing, and as many are false."""
    known = storm.world.known
    edges = [(name, other) for name in sorted(known) for other in known[name]]
    gone = set(random.sample(edges, round(SHARE * len(edges))))
    kept: dict[str, list[str]] = {name: [other for other in known[name] if (name, other) not in gone] for name in known}
    names, false = sorted(storm.world.nodes), round(SHARE * len(edges))
    while false:
        name, other = random.sample(names, 2)
        if other not in storm.world.depends_on[name] and other not in kept.setdefault(name, []):
            kept[name].append(other)
            false -= 1
    return storm._replace(world=storm.world._replace(known=kept))


def clocks_apart(storm: Storm, random: Random) -> Storm:
    """The clocks of every second sender are a minute ahead, beside what they differ already."""
    sources = sorted({one.event.source for one in storm.sent})
    ahead = {source: timedelta(seconds=APART * (n % 2)) for n, source in enumerate(sources)}
    return storm._replace(sent=[_by_clock(one, ahead) for one in storm.sent])


def _by_clock(one: Sent, ahead: Mapping[str, timedelta]) -> Sent:
    by, event = ahead[one.event.source], one.event
    ends_at = event.ends_at and event.ends_at + by
    return one._replace(event=msgspec.structs.replace(event, starts_at=event.starts_at + by, ends_at=ends_at))


def late_alerts(storm: Storm, random: Random) -> Storm:
    """All that is sent of an alert in five comes ten minutes late."""
    alerts = sorted({one.alert for one in storm.sent})
    late = set(random.sample(alerts, round(SHARE * len(alerts))))
    sent = [one._replace(arrives=one.arrives + LATE * (one.alert in late)) for one in storm.sent]
    return storm._replace(sent=_in_order(sent))


def _in_order(sent: Sequence[Sent]) -> list[Sent]:
    return sorted(sent, key=lambda one: (one.arrives, one.alert))


HARDSHIPS: Mapping[str, Callable[[Storm, Random], Storm]] = {
    "none": as_it_is,
    "topology": wrong_topology,
    "clocks": clocks_apart,
    "late": late_alerts,
}
