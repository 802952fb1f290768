"""Watches a cluster on one replica: edges are learnt, and changes go into the inbox like those of any sender.

What was seen is kept as snapshots: what changed while nobody looked is found when somebody looks again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import structlog

from bot.domain.change import domains_that_count
from bot.domain.event import ChangeEvent, domain_of, partition_of
from bot.errors import InboxFull, StorageUnavailable
from bot.inbox.inbox import NewEntry
from bot.inbox.intake import entries_for
from bot.integrations.kubernetes.collection import Collection
from bot.integrations.kubernetes.differing import SOURCE, change_between
from bot.integrations.kubernetes.following import Follower
from bot.integrations.kubernetes.placing import places
from bot.integrations.kubernetes.seen import SHAPES, WATCHED, Seen
from bot.integrations.kubernetes.topology import Edge, calls
from bot.kubernetes.cluster import Cluster
from bot.kubernetes.errors import ClusterFailure, ClusterGone, ClusterRefused
from bot.kubernetes.resources import Where
from bot.observability.metrics import KUBERNETES_OBJECTS
from bot.services import Services
from bot.storage.queries import learnt_edges, snapshots
from bot.storage.queries.learnt_edges import EdgeKind, LearntEdge

MOST_CHANGES = 2000
"""Changes that wait for the inbox; beyond, the oldest are left out, and that is said."""
_WATCH, _PARTITION = "kubernetes", 0
_LOOK = 1.0
_PLACES_EVERY = 300.0
_RENEW_EVERY = 1800.0
_HOMES_EVERY = 60.0
_LATEST = 200
"""So many of the latest incidents tell in which domains alerts come."""
_SAVE_EVERY = 60.0
_AT_ONCE = 500
_ROWS_AT_ONCE = 500

log = structlog.get_logger(__name__)
Append = Callable[[Sequence[NewEntry]], Awaitable[None]]


class _Taught(NamedTuple):
    kind: EdgeKind
    edge: LearntEdge


class ClusterWatch:
    """``labels`` are those of everything that is seen here, such as the cluster's name."""

    def __init__(self, services: Services, cluster: Cluster, append: Append, labels: Mapping[str, str]) -> None:
        self._services, self._cluster, self._append, self._labels = services, cluster, append, labels
        self._namespaces = cluster.access.namespaces or ("",)
        self._collections: list[Collection] = []
        self._changes: deque[ChangeEvent] = deque(maxlen=MOST_CHANGES)
        self._lost = 0
        self._places: frozenset[Edge] = frozenset()
        self._learnt: set[_Taught] = set()
        self._revision: tuple[object, ...] | None = None
        self._renewed_at: datetime | None = None
        self._homes: frozenset[str] = frozenset()
        self._refused = ""

    async def run(self) -> None:
        """Watch until cancelled, as long as this replica has the role."""
        self._collections = list(self._wanted())
        await self._restore()
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in self._works():
                    tasks.create_task(work)
        except ExceptionGroup as group:
            raise _first(group) from group  # whoever runs it knows LostLease, and no group of it

    def _works(self) -> Iterator[Coroutine[Any, Any, None]]:
        for one in self._collections:
            yield Follower(self._cluster, one.where, SHAPES[one.where.resource.name], one).run()
        yield self._patiently(self._send, _LOOK)
        yield self._patiently(self._place, _PLACES_EVERY)
        yield self._patiently(self._look_for_homes, _HOMES_EVERY)
        yield self._patiently(self._learn, _LOOK)
        yield self._patiently(self._save, _SAVE_EVERY)

    def _wanted(self) -> Iterable[Collection]:
        for resource in WATCHED:
            for namespace in self._namespaces if resource.namespaced else ("",):
                yield Collection(Where(resource, namespace), self._note)

    async def _patiently(self, work: Callable[[], Awaitable[None]], every: float) -> None:
        """Again and again; where the cluster or the database is away, later."""
        while True:
            try:
                await work()
            except (StorageUnavailable, ClusterFailure, ClusterGone) as error:
                log.warning("kubernetes.retry", reason=str(error))
                await asyncio.sleep(5)
            except ClusterRefused as refused:
                if str(refused) != self._refused:
                    self._refused = str(refused)
                    log.error("kubernetes.refused", reason=self._refused)
            await asyncio.sleep(every)

    def _note(self, before: Seen | None, after: Seen | None) -> None:
        change = change_between(before, after, self._labels, self._services.clock())
        if change is None:
            return
        if len(self._changes) == MOST_CHANGES:
            self._lost += 1
        self._changes.append(change)

    async def _send(self) -> None:
        """Put what changed into the inbox; while that is full, it waits here."""
        if self._lost:
            log.error("kubernetes.changes_lost", changes=self._lost)
            self._lost = 0
        while self._changes:
            some = [self._changes[i] for i in range(min(len(self._changes), _AT_ONCE))]
            rules, now = self._services.rules, self._services.clock()
            entries = entries_for(some, SOURCE, now, rules.correlation.partition_by, rules.partitions)
            try:
                await self._append(entries)
            except InboxFull as full:
                await asyncio.sleep(full.retry_after)
                return
            for one in some:
                if self._changes and self._changes[0] is one:  # the oldest may have been left out meanwhile
                    self._changes.popleft()

    async def _place(self) -> None:
        self._places = frozenset(await places(self._cluster, self._namespaces))

    async def _learn(self) -> None:
        """Teach the edges that are new, and now and then all of them: what is not seen for long is forgotten."""
        now = self._services.clock()
        if self._renewed_at is None or (now - self._renewed_at).total_seconds() >= _RENEW_EVERY:
            self._learnt, self._renewed_at, self._revision = set(), now, None
        revision = (self._homes, self._places, *(one.revision for one in self._collections))
        if revision == self._revision:
            return
        for name, count in self._counts().items():
            KUBERNETES_OBJECTS.labels(name).set(count)
        found = [one for collection in self._collections if collection.complete for one in collection.objects.values()]
        taught = await asyncio.to_thread(self._at_home, found, self._places, self._homes)
        await self._teach(taught - self._learnt, now)
        self._learnt, self._revision = taught, revision

    async def _look_for_homes(self) -> None:
        async with self._services.database.read() as connection:
            self._homes = frozenset(await learnt_edges.latest_domains(connection, _LATEST))

    def _at_home(self, found: list[Seen], placed: Iterable[Edge], homes: Iterable[str]) -> set["_Taught"]:
        """The edges in each correlation domain that they count in: where our labels leave one out, it is any."""
        partition_by = self._services.rules.correlation.partition_by
        counting = {home: set(domains_that_count(home, partition_by)) for home in homes}
        edges = {(EdgeKind.CALLS, edge) for edge in calls(found)} | {(EdgeKind.RUNS_ON, edge) for edge in placed}
        taught: set[_Taught] = set()
        for kind, edge in edges:
            labels = {**self._labels, **({"namespace": edge.namespace} if edge.namespace else {})}
            domain = domain_of(labels, partition_by)
            for home in {domain, *(one for one, counted in counting.items() if domain in counted)}:
                taught.add(_Taught(kind, LearntEdge(home, edge.service, edge.other)))
        return taught

    async def _teach(self, edges: set["_Taught"], now: datetime) -> None:
        """Some at a time: nobody waits long for the database."""
        by_home: dict[tuple[int, EdgeKind], list[LearntEdge]] = {}
        for kind, edge in sorted(edges):
            partition = partition_of(edge.domain, self._services.rules.partitions)
            by_home.setdefault((partition, kind), []).append(edge)
        for (partition, kind), learnt in by_home.items():
            for start in range(0, len(learnt), _ROWS_AT_ONCE):
                some = learnt[start : start + _ROWS_AT_ONCE]
                async with self._services.database.write() as connection:
                    await learnt_edges.learn(connection, partition, some, now, kind=kind)

    def _counts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for one in self._collections:
            plural = one.where.resource.plural
            counts[plural] = counts.get(plural, 0) + len(one.objects)
        return counts

    async def _restore(self) -> None:
        async with self._services.database.read() as connection:
            known = await snapshots.load(connection, _PARTITION, _WATCH)
        for one in self._collections:
            if one.name in known:
                with suppress(msgspec.MsgspecError):  # of another release: the first list is compared with nothing
                    one.restore(known[one.name].state)

    async def _save(self) -> None:
        """Not while changes wait: a crash would lose what the snapshot already has."""
        for one in self._collections:
            if one.dirty and one.complete and not self._changes:
                one.dirty = False
                state = await one.snapshot()
                async with self._services.database.write() as connection:
                    now = self._services.clock()
                    await snapshots.save(connection, _PARTITION, _WATCH, {one.name: state}, 0, now)


def _first(group: ExceptionGroup[Exception]) -> Exception:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, ExceptionGroup) else found
