"""Watch: heartbeats that stop, and those that report a failure."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertEvent, AlertStatus, PingEvent, domain_of, partition_of
from bot.domain.rules import Rules
from bot.domain.watched.heartbeat import Heartbeat, Pulse, beat, waited
from bot.inbox import offsets
from bot.pipeline.batch import Batch
from bot.watches.snapshots import Changes, SnapshotStore

WATCH = "heartbeats"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Pulse).decode


class Memory:
    """A partition's heartbeats by name. Every change is saved in the transaction of its batch."""

    def __init__(self, changes: Changes) -> None:
        self.pulses: dict[str, Pulse] = {}
        self._changes = changes

    def update(self, pulses: Mapping[str, Pulse], position: int) -> None:
        for name, pulse in pulses.items():
            self.pulses[name] = pulse
            self._changes.add(name, position)

    def serialise(self, name: str) -> bytes | None:
        return _encode(self.pulses[name])

    def restore(self, name: str, state: bytes) -> bool:
        self.pulses[name] = _decode(state)
        return True


class HeartbeatsWatch:
    """See :class:`bot.pipeline.watch.Watch`."""

    def __init__(self, rules: Rules) -> None:
        self._by_partition: dict[int, dict[str, Heartbeat]] = {}
        for name, heartbeat in rules.heartbeats.items():
            domain = domain_of(heartbeat.labels, rules.correlation.partition_by)
            self._by_partition.setdefault(partition_of(domain, rules.partitions), {})[name] = heartbeat
        self._snapshots: SnapshotStore[Memory] = SnapshotStore(WATCH, lambda _, changes: Memory(changes))

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        beats = [(at, name, failed) for at, name, failed in _beats(batch) if name in self._mine(batch)]
        if not beats:
            self._snapshots.skip(batch)
            return
        memory = await self._snapshots.open(batch, connection, batch.position)
        after = dict(memory.pulses)
        for at, name, failed in beats:
            after[name] = beat(after.get(name), at, failed)
        self._change(batch, memory, after)
        await self._snapshots.save(batch, connection, batch.entries[-1].seq)

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        mine = self._mine(batch)
        if not mine:
            return
        position = await offsets.position_of(connection, batch.partition)
        memory = await self._snapshots.open(batch, connection, position)
        after = {name: waited(memory.pulses.get(name), heartbeat, batch.now) for name, heartbeat in mine.items()}
        self._change(batch, memory, after)
        await self._snapshots.save(batch, connection, position)

    def awaiting(self) -> set[int]:
        return set(self._by_partition)

    def forget(self, partition: int) -> None:
        self._snapshots.forget(partition)

    def _mine(self, batch: Batch) -> Mapping[str, Heartbeat]:
        return self._by_partition.get(batch.partition, {})

    def _change(self, batch: Batch, memory: Memory, after: Mapping[str, Pulse]) -> None:
        changed = {name: pulse for name, pulse in after.items() if pulse != memory.pulses.get(name)}
        for name, pulse in changed.items():
            before = memory.pulses.get(name)
            if pulse.ill_since or (before and before.ill_since):
                batch.findings.append(_finding(name, self._mine(batch)[name], before, pulse, batch.now))
        memory.update(changed, batch.position)


def _beats(batch: Batch) -> list[tuple[datetime, str, bool]]:
    """When which heartbeat came, and whether it reports a failure."""
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
    alertname = "HeartbeatFailed" if pulse.failed else "HeartbeatMissed"
    labels = {**heartbeat.labels, "alertname": alertname, "heartbeat": name, "severity": heartbeat.severity.value}
    if heartbeat.service:
        labels["service"] = heartbeat.service
    last_seen = f"{name} was last heard of at {pulse.seen_at:%H:%M:%S} UTC"
    return AlertEvent(
        source="tandem",
        fingerprint=f"heartbeat/{name}",
        status=AlertStatus.FIRING if pulse.ill_since else AlertStatus.RESOLVED,
        labels=labels,
        starts_at=ill_since,
        ends_at=None if pulse.ill_since else now,
        annotations={"summary": f"{name} told of a failure" if pulse.failed else last_seen},
    )


def domain_of_piece(rules: Rules, name: str, _state: bytes) -> str:
    """The correlation domain of a heartbeat; of one that the rules no longer name, that of events without labels."""
    known = rules.heartbeats.get(name)
    return domain_of(known.labels if known else {}, rules.correlation.partition_by)
