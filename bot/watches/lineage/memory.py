"""What is known of jobs and datasets in a partition: one piece each, saved with every change."""

from collections.abc import Callable

import msgspec

from bot.domain.event import domain_of
from bot.domain.lineage.observed import Dataset, Job
from bot.domain.lineage.stored import DATASET, WATCH, decode_dataset, encode_dataset, piece
from bot.domain.rules import Rules
from bot.watches.snapshots import Changes

__all__ = ["WATCH", "Memory"]

MOST = 5_000
"""Jobs and datasets of a partition; those longest unseen make room."""
_JOB = "job:"
_decode_job = msgspec.msgpack.Decoder(Job).decode


class Memory:
    """Jobs and datasets by the names of their pieces, the one seen last at the end."""

    def __init__(self, rules: Rules, changes: Changes) -> None:
        self.jobs: dict[str, Job] = {}
        self.datasets: dict[str, Dataset] = {}
        self._rules = rules
        self._changes = changes

    def job(self, service: str, labels: dict[str, str], position: int) -> Job:
        name = self._name(_JOB, service, labels)
        one = self.jobs.pop(name) if name in self.jobs else Job(service, labels)
        self.jobs[name] = one
        self._changed(name, position, self.jobs)
        return one

    def dataset(self, service: str, labels: dict[str, str], position: int) -> Dataset:
        name = self._name(DATASET, service, labels)
        one = self.datasets.pop(name) if name in self.datasets else Dataset(service, labels)
        self.datasets[name] = one
        self._changed(name, position, self.datasets)
        return one

    def serialise(self, name: str) -> bytes | None:
        one = self.jobs.get(name) or self.datasets.get(name)
        return encode_dataset(one) if one else None

    def restore(self, name: str, state: bytes) -> bool:
        if name.startswith(_JOB):
            self.jobs[name] = _decode_job(state)
        else:
            self.datasets[name] = decode_dataset(state)
        return True

    def _name(self, kind: str, service: str, labels: dict[str, str]) -> str:
        return piece(kind, domain_of(labels, self._rules.correlation.partition_by), service)

    def _changed(self, name: str, position: int, among: dict[str, Job] | dict[str, Dataset]) -> None:
        self._changes.add(name, position)
        if len(among) > MOST:
            oldest = next(iter(among))
            del among[oldest]
            self._changes.remove(oldest)


def domain_of_piece(rules: Rules, name: str, state: bytes) -> str:
    """The correlation domain of what a snapshot holds. Raises like :meth:`Memory.restore`."""
    one = _decode_job(state) if name.startswith(_JOB) else decode_dataset(state)
    return domain_of(one.labels, rules.correlation.partition_by)


def rekeyed(rules: Rules, _renamed: Callable[[str], str], name: str, state: bytes) -> tuple[str, bytes]:
    """The name and the state of a snapshot under other rules. Raises like :meth:`Memory.restore`."""
    one = _decode_job(state) if name.startswith(_JOB) else decode_dataset(state)
    kind = _JOB if name.startswith(_JOB) else DATASET
    return piece(kind, domain_of(one.labels, rules.correlation.partition_by), one.service), state


def subject_of(name: str, state: bytes) -> str:
    """The service that a snapshot is about."""
    return _decode_job(state).service if name.startswith(_JOB) else decode_dataset(state).service
