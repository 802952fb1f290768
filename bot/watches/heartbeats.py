"""Watch: heartbeats that stop, and those that say that something failed."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertEvent, AlertStatus, PingEvent, domain_of, partition_of
from bot.domain.rules import Rules
from bot.domain.watched.heartbeat import Heartbeat, Pulse, beat, waited
from bot.pipeline.batch import Batch
from bot.storage.queries import snapshots as detector_state

WATCH = "heartbeats"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Pulse).decode


class HeartbeatsWatch:
    """What it knows is written with every change, in the transaction of the batch."""

    def __init__(self, rules: Rules) -> None:
        self._by_partition: dict[int, dict[str, Heartbeat]] = {}
        for name, heartbeat in rules.heartbeats.items():
            domain = domain_of(heartbeat.labels, rules.correlation.partition_by)
            self._by_partition.setdefault(partition_of(domain, rules.partitions), {})[name] = heartbeat
        self._known: dict[int, dict[str, Pulse]] = {}

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        heard = [(at, name, failed) for at, name, failed in _heard(batch) if name in self._mine(batch)]
        if not heard:
            return
        before = await self._load(batch, connection)
        after = dict(before)
        for at, name, failed in heard:
            after[name] = beat(after.get(name), at, failed)
        await self._change(batch, before, after, connection)

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        mine = self._mine(batch)
        if not mine:
            return
        before = await self._load(batch, connection)
        after = {name: waited(before.get(name), heartbeat, batch.now) for name, heartbeat in mine.items()}
        await self._change(batch, before, after, connection)

    def awaiting(self) -> set[int]:
        return set(self._by_partition)

    def forget(self, partition: int) -> None:
        self._known.pop(partition, None)

    def _mine(self, batch: Batch) -> Mapping[str, Heartbeat]:
        return self._by_partition.get(batch.partition, {})

    async def _load(self, batch: Batch, connection: AsyncConnection) -> dict[str, Pulse]:
        if batch.partition not in self._known:
            stored = await detector_state.load(connection, batch.partition, WATCH)
            self._known[batch.partition] = {name: _decode(snapshot.state) for name, snapshot in stored.items()}
        return self._known[batch.partition]

    async def _change(
        self, batch: Batch, before: Mapping[str, Pulse], after: dict[str, Pulse], connection: AsyncConnection
    ) -> None:
        changed = {name: pulse for name, pulse in after.items() if pulse != before.get(name)}
        for name, pulse in changed.items():
            known = before.get(name)
            if pulse.ill_since or (known and known.ill_since):
                batch.findings.append(_finding(name, self._mine(batch)[name], known, pulse, batch.now))
        if changed:
            states = {name: _encode(pulse) for name, pulse in changed.items()}
            await detector_state.save(connection, batch.partition, WATCH, states, batch.position, batch.now)
        self._known[batch.partition] = after


def _heard(batch: Batch) -> list[tuple[datetime, str, bool]]:
    """When which heartbeat was heard of, and whether it told of a failure."""
    pings = [(at, event.name, event.failed) for at, event in batch.events() if isinstance(event, PingEvent)]
    carried = [
        (at, name, False)
        for at, event in batch.events()
        if isinstance(event, AlertEvent) and event.status is AlertStatus.FIRING
        for name in batch.rules.heartbeats_in(event.labels)
    ]
    return sorted([*pings, *carried])


def _finding(name: str, heartbeat: Heartbeat, before: Pulse | None, pulse: Pulse, now: datetime) -> AlertEvent:
    ill_since = pulse.ill_since or (before.ill_since if before else None) or now
    alertname = "HeartbeatFailed" if pulse.told_fail else "HeartbeatMissed"
    labels = {**heartbeat.labels, "alertname": alertname, "heartbeat": name, "severity": heartbeat.severity.value}
    if heartbeat.service:
        labels["service"] = heartbeat.service
    said = (
        f"{name} told of a failure" if pulse.told_fail else f"{name} was last heard of at {pulse.seen_at:%H:%M:%S} UTC"
    )
    return AlertEvent(
        source="tandem",
        fingerprint=f"heartbeat/{name}",
        status=AlertStatus.FIRING if pulse.ill_since else AlertStatus.RESOLVED,
        labels=labels,
        starts_at=ill_since,
        ends_at=None if pulse.ill_since else now,
        annotations={"summary": said},
    )
