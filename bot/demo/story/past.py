"""What happened earlier in the week of the story: the pool starved, somebody approved, it was verified.

It goes through the program itself, with the clock set back: the alerts of the demo's tools through the pipeline, the
approval, the steps on the real stage, the verification. Only the time between is not waited for.
"""

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import json

from bot.config import load_config
from bot.demo.story.audience import StoryBroke
from bot.demo.story.teams import ANA, PLATFORM
from bot.demo.tools import FOR, Tool, tools
from bot.domain.access.person import Person, on_call_in
from bot.domain.event import AlertEvent
from bot.domain.run import Run, RunStatus
from bot.inbox import offsets
from bot.inbox.intake import entries_for
from bot.inbox.sql import SqlInbox
from bot.incidents.guarding import guards_of
from bot.incidents.permissions import Actor
from bot.pipeline.worker import Worker
from bot.remediation.approval import Terms, decide
from bot.remediation.planning import make_plan
from bot.remediation.records import RunRecords
from bot.remediation.sequence import carry_out
from bot.remediation.starting import Start
from bot.remediation.steps import Steps
from bot.remediation.verifying import Verifier
from bot.services import Services
from bot.storage.database import Database, open_database
from bot.storage.queries import incidents, runs
from bot.storage.queries.runs import Claim
from bot.storage.seal import key_file_of, make_seal
from bot.storage.sealing import adopt
from handlers.webhooks.alertmanager import parse

DAYS_AGO = (3, 2)
_STARVED = {"p95_ms": 1300.0, "queue_depth": 20, "contention": 0.8, "accuracy": 0.95, "workers": 1}
_WELL = {"p95_ms": 60.0, "queue_depth": 0, "contention": 0.0, "accuracy": 0.95, "workers": 10}
_NIGHT = timedelta(hours=3)


async def live_through(url: str, settings: Path) -> None:
    """One night after the other; the last step of each is done on the stage. Raises StoryBroke."""
    database = open_database(url)
    try:
        await database.migrate()
        now = datetime.now(UTC)
        await adopt(database, make_seal(None, key_file_of(url)), now - timedelta(days=7))
        past = _Past(database, settings)
        await past.prepare()
        for days in DAYS_AGO:
            await past.night(now - timedelta(days=days) - _NIGHT)
    finally:
        await database.close()


class _Past:
    """A Tandem whose clock is set by hand."""

    def __init__(self, database: Database, settings: Path) -> None:
        config, _ = load_config(settings)
        self._rules, self._database = config.rules(), database
        self._now = self._began = datetime.min
        self._inbox = SqlInbox(database, shared=False)
        self._worker = Worker(Services(database, self._inbox, self._rules, self._clock), make_plan)
        self._terms = Terms(config.runbooks, guards_of(self._rules))
        records = RunRecords(database, self._clock, lambda: None, self._seconds)
        verifier = Verifier(records, timer=self._seconds, pause=self._pass)
        self._steps = Steps(records, {}, Start(records, self._terms, _on_call), verifier)
        self._tools: list[Tool] = []

    def _clock(self) -> datetime:
        return self._now

    def _seconds(self) -> float:
        return (self._now - self._began).total_seconds()

    async def prepare(self) -> None:
        await self._inbox.prepare(0)
        async with self._database.write() as connection:
            await offsets.prepare(connection, self._rules.partitions)

    async def night(self, at: datetime) -> None:
        """The pool starves; scaling it out is approved and verified."""
        self._now = self._began = at
        self._tools = tools()[:2]
        await self._measure(_STARVED)
        run = await self._offered()
        await decide(self._database, self._terms, run.id, run.plan_hash, _ana(), "approve", self._now)
        claim = Claim(run.id, "")

        async def once(work: Callable[..., Coroutine[Any, Any, Any]], /, *args: Any, **kwargs: Any) -> Any:
            return await work(claim, *args, **kwargs)

        await carry_out(self._steps, once)
        async with self._database.read() as connection:
            ended = await runs.by_id(connection, run.id)
        if ended is None or ended.status is not RunStatus.SUCCEEDED:
            raise StoryBroke(f"earlier this week a run ended otherwise: {ended.outcome if ended else 'it is gone'}")

    async def _pass(self, seconds: float) -> None:
        """While it is verified, the pool recovers."""
        self._now += timedelta(seconds=seconds)
        await self._measure(_WELL)

    async def _measure(self, stats: dict[str, float]) -> None:
        """The tools look twice, and send what has changed."""
        for tool in self._tools:
            tool.check(stats, self._now)
            tool.check(stats, self._now + FOR)
        self._now += FOR
        for tool in self._tools:
            if tool.due(self._now):
                await self._deliver(list(_alerts(tool, self._now)))
                tool.record_delivery(True, self._now)

    async def _deliver(self, events: Sequence[AlertEvent]) -> None:
        partition_by, partitions = self._rules.correlation.partition_by, self._rules.partitions
        await self._inbox.append(entries_for(events, "alertmanager", self._now, partition_by, partitions))
        await self._worker.drain()

    async def _offered(self) -> Run:
        async with self._database.read() as connection:
            [newest] = await incidents.open_worst_first(connection, 1)
            found = (await runs.of_incidents(connection, [newest.id]))[newest.id]
        if not found:
            raise StoryBroke("earlier this week nothing was offered")
        return found[-1]


def _alerts(tool: Tool, now: datetime) -> Sequence[AlertEvent]:
    return [one for one in parse(json.encode(tool.delivery()), {}, now) if isinstance(one, AlertEvent)]


def _ana() -> Actor:
    return Actor(Person(ANA, groups=frozenset({on_call_in(PLATFORM)})))


async def _on_call(user: str, _groups: object) -> Person:
    return Person(user, groups=frozenset({on_call_in(PLATFORM)}))
