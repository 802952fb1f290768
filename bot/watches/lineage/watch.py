"""The watch over lineage. Events may come in any order: what counts is when the sender says that something happened.

A run that failed once has failed, whatever is reported of it later: Spark's integration reports COMPLETE at the end of
an application whose jobs failed. A job has recovered when a later run of it ended well.
"""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.change import Change
from bot.domain.event import AlertEvent, ChangeKind, LineageEvent, domain_of, fingerprint_of
from bot.domain.lineage.observed import AssertionRecord, Dataset, Job, RunState, Version, Written
from bot.domain.rules import Rules
from bot.pipeline.batch import Batch
from bot.storage.queries import changes
from bot.watches.lineage import alerts
from bot.watches.lineage.memory import WATCH, Memory
from bot.watches.snapshots import Changes, SnapshotStore

MOST_RUNS = 20
MOST_VERSIONS = 50
MOST_OUTPUTS = 50
MOST_ASSERTIONS = 500


class LineageWatch:
    """See :class:`bot.pipeline.watch.Watch`."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._snapshots: SnapshotStore[Memory] = SnapshotStore(WATCH, self._begin)

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        mine = [event for _, event in batch.events() if isinstance(event, LineageEvent)]
        if not mine:
            self._snapshots.skip(batch)
            return
        memory = await self._snapshots.open(batch, connection, batch.position)
        position = batch.entries[-1].seq
        changed: list[Change] = []
        for event in mine:
            domain = domain_of(event.labels, self._rules.correlation.partition_by)
            one = _One(memory, event, position, batch.now, domain)
            batch.findings += one.alerts()
            changed += one.changes
        await changes.save(connection, changed)
        await self._snapshots.save(batch, connection, position)

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        """Time alone brings nothing."""

    def awaiting(self) -> set[int]:
        return set()

    def forget(self, partition: int) -> None:
        self._snapshots.forget(partition)

    def _begin(self, _: Batch, changes: Changes) -> Memory:
        return Memory(self._rules, changes)


class _One:
    """What one event comes to; ``changes`` are those of datasets, which may be a cause."""

    def __init__(self, memory: Memory, event: LineageEvent, position: int, now: datetime, domain: str) -> None:
        self._memory, self._event, self._position, self._now, self._domain = memory, event, position, now, domain
        self.changes: list[Change] = []

    def alerts(self) -> list[AlertEvent]:
        run, at = self._event.run, self._event.at
        if not run.job:
            for written in self._event.written:
                dataset = self._memory.dataset(written.service, self._event.labels, self._position)
                dataset.observe(Version(at, written.version, run.id, "", run.commit), MOST_VERSIONS)
            return self._assert()
        job = self._memory.job(run.job, self._event.labels, self._position)
        job.commit = run.commit or job.commit
        job.outputs = list(dict.fromkeys([*job.outputs, *(one.service for one in self._event.written)]))[-MOST_OUTPUTS:]
        found: list[AlertEvent] = []
        if run.state in (RunState.COMPLETE, RunState.FAILED):
            job.note(run.id, at, run.state is RunState.FAILED, MOST_RUNS)
            if run.parent and run.parent_run:
                parent = self._memory.job(run.parent, self._event.labels, self._position)
                parent.note_part(run.parent_run, run.job, at, job.runs[run.id].failed, MOST_RUNS)
                found += self._judge(parent, "")
            found += self._judge(job, run.error)
            if run.state is RunState.COMPLETE and not job.runs[run.id].failed:
                found += [alert for one in self._event.written for alert in self._write(job, one)]
        return [*found, *self._assert()]

    def _judge(self, job: Job, error: str) -> list[AlertEvent]:
        """What begins or ends, by the run that ended last."""
        last = job.last()
        if last is None:
            return []
        run, record = last
        if record.failed:
            found = [self._not_written(job, run, record.at, name) for name in job.outputs]
            told = [one for one in found if one is not None]
            if not job.fires_since:
                job.fires_since = record.at
                return [alerts.run_failed(job, run, error, record.at), *told]
            return told
        if not job.fires_since:
            return []
        since, job.fires_since = job.fires_since, 0
        return [alerts.run_ended_well(job, since, self._now)]

    def _not_written(self, job: Job, run: str, at: int, service: str) -> AlertEvent | None:
        dataset = self._memory.dataset(service, self._event.labels, self._position)
        newest = dataset.versions[-1].at if dataset.versions else 0
        if dataset.unwritten_since or newest > at:
            return None
        dataset.unwritten_since = at
        return alerts.not_written(dataset, job.service, run, at)

    def _write(self, job: Job, written: Written) -> list[AlertEvent]:
        run, at = self._event.run, self._event.at
        dataset = self._memory.dataset(written.service, self._event.labels, self._position)
        version = Version(at, written.version, run.id, job.service, job.commit, written.schema)
        before = dataset.write(version, MOST_VERSIONS)
        if written.lifecycle or (before is not None and _differs(before, version)):
            self.changes.append(self._change(dataset, written, version, before))
        if not dataset.unwritten_since or at < dataset.unwritten_since:
            return []
        since, dataset.unwritten_since = dataset.unwritten_since, 0
        return [alerts.written_again(dataset, since, self._now)]

    def _change(self, dataset: Dataset, written: Written, version: Version, before: Version | None) -> Change:
        """Another commit of the job, another schema, or something that was done to the dataset."""
        told = [f"written by {version.job}"]
        if before is not None and version.commit != before.commit and version.commit:
            told.append(f"now of commit {version.commit}" + (f", before of {before.commit}" if before.commit else ""))
        if before is not None and version.schema and before.schema and version.schema != before.schema:
            told.append("with another schema")
        if written.lifecycle:
            told.append(written.lifecycle)
        told += [f"version {version.version}"] if version.version else []
        return Change(
            source="openlineage",
            id=fingerprint_of({"dataset": dataset.service, "run": version.run, "domain": self._domain}),
            domain=self._domain,
            service=dataset.service,
            change=ChangeKind.DATA,
            title=f"{', '.join(told)} (run {version.run})",
            at=datetime.fromtimestamp(version.at / 1000, UTC),
            version=version.version,
            link=self._event.run.link,
        )

    def _assert(self) -> list[AlertEvent]:
        found: list[AlertEvent] = []
        at = self._event.at
        for one in self._event.asserted:
            dataset = self._memory.dataset(one.service, self._event.labels, self._position)
            key = f"{one.name}\n{one.column}"
            record = dataset.assertions.get(key, AssertionRecord(0, failed=False))
            if record.at > at or (key not in dataset.assertions and len(dataset.assertions) >= MOST_ASSERTIONS):
                continue
            since = record.fires_since
            if not one.passed and not since:
                since = at
                found.append(alerts.assertion_failed(dataset, one, self._event.run.id, at))
            elif one.passed and since:
                found.append(alerts.assertion_holds(dataset, one, since, self._now))
                since = 0
            dataset.assertions = {**dataset.assertions, key: AssertionRecord(at, not one.passed, since)}
        return found


def _differs(before: Version, now: Version) -> bool:
    """Whether more than another run is different."""
    commit = bool(before.commit and now.commit and before.commit != now.commit)
    return commit or bool(before.schema and now.schema and before.schema != now.schema)
