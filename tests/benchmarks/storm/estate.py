"""Many storms of one estate, one after the other: what is learnt of it from the first makes the next ones clearer."""

from datetime import timedelta
from random import Random

import msgspec

from bot.domain.event import fingerprint_of
from tests.benchmarks.storm.alerts import Catalogue, Sent, SentChange, Storm, storm_in
from tests.benchmarks.storm.world import make_world

APART = 12 * 3600.0
"""From one storm to the next."""


def storms_of_estate(catalogue: Catalogue, services: int, seed: int, count: int) -> list[Storm]:
    """Storms of two faults each, in turn such that reach services of their own and such that may reach the same."""
    world = make_world(services, Random(f"estate/{seed}/{services}"))
    return [
        later(storm_in(world, catalogue, Random(f"estate/{seed}/{services}/{n}"), apart=n % 2 == 0), n)
        for n in range(count)
    ]


def later(storm: Storm, number: int) -> Storm:
    """The storm as the estate's storm of that number; its alerts are others than those of the storms before."""
    by = number * APART
    moved = [_alert_later(one, number, by) for one in storm.sent]
    faults = [fault._replace(id=f"{number}/{fault.id}") for fault in storm.faults]
    return storm._replace(faults=faults, sent=moved, changes=[_change_later(one, by) for one in storm.changes])


def _alert_later(one: Sent, number: int, by: float) -> Sent:
    event, after = one.event, timedelta(seconds=by)
    labels = {**event.labels, "round": str(number)}
    event = msgspec.structs.replace(
        event,
        labels=labels,
        fingerprint=fingerprint_of(labels),
        starts_at=event.starts_at + after,
        ends_at=event.ends_at and event.ends_at + after,
    )
    return Sent(f"{number}/{one.alert}", f"{number}/{one.truth}", one.arrives + by, event)


def _change_later(one: SentChange, by: float) -> SentChange:
    event = msgspec.structs.replace(one.event, id=f"{one.event.id}/{by:.0f}", at=one.event.at + timedelta(seconds=by))
    return SentChange(one.arrives + by, event)
