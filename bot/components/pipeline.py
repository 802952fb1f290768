"""The pipeline: the worker over the inbox, and the watches that learn from what passes through it."""

import asyncio
import importlib
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from bot.cluster.broadcast import LEASES, WORK, Broadcast
from bot.components.component import Component
from bot.components.process import Process
from bot.domain.rules import Rules
from bot.errors import Conflict, StorageUnavailable
from bot.pipeline.worker import Worker
from bot.remediation.planning import make_plan
from bot.watches.configured import watches

if TYPE_CHECKING:
    from bot.watches.models.watch import ModelsWatch

DRAIN_SECONDS = 5.0

log = structlog.get_logger(__name__)


async def import_what_it_needs(rules: Rules) -> None:
    """What these rules need and others do without, imported in a thread: on the loop it would hold up the endpoints."""
    wanted = {
        "bot.watches.metrics.watch": rules.metrics.watch,
        "bot.pipeline.causes.metrics": rules.metrics.watch,
        "bot.watches.forecast.watch": rules.metrics.forecasts,
        "bot.watches.logs.watch": rules.logs.watch,
        "bot.watches.llm.watch": rules.llm.watch,
        "handlers.models.endpoint": rules.models,
        "bot.watches.models.watch": rules.has_monitors,
    }
    for module, is_wanted in wanted.items():
        if is_wanted:
            await asyncio.to_thread(importlib.import_module, module)


def make_models_watch(process: Process) -> "ModelsWatch | None":
    """The watch over models, where tandem.yaml has monitors; people ask it for checks on every replica."""
    services = process.services
    if not services.rules.has_monitors:
        return None
    from bot.watches.models.watch import CHECK, ModelsWatch  # brings scikit-learn: 2 s, 100 MB for who needs it

    tell = services.leases.broadcast
    watch = ModelsWatch(services.rules, services.clock, services.database, process.frames, broadcast=tell)
    services.broadcast.subscribe(CHECK, watch.check_now)
    return watch


def models_component(watch: "ModelsWatch") -> Component:
    """Stops the checks that run beside the worker."""
    return Component("models", stop=watch.close)


def worker_component(process: Process, models: "ModelsWatch | None") -> Component:
    """Works on the partitions that this replica holds; on stop, it works through what is in the inbox."""
    services = process.services
    found = [*watches(services.rules, services.clock, services.histories), *([models] if models else [])]
    worker = Worker(services, make_plan, found, process.intake.rest_after)
    subscribe(worker, services.broadcast)
    return Component("worker", run=worker.run, stop=partial(_drain, worker))


class WorksOnPartitions(Protocol):
    """The worker, as far as messages concern it."""

    def wake(self, partitions: Iterable[int]) -> None:
        """These partitions have new entries."""

    def look(self) -> None:
        """The leases have changed."""


def subscribe(worker: WorksOnPartitions, broadcast: Broadcast) -> None:
    """Let the worker know of new entries and leases at once; without that, it would see them with its next tick."""

    def wake(partition: str) -> None:
        if partition.isdecimal():  # else a newer release means something by it that is unknown here
            worker.wake([int(partition)])

    broadcast.subscribe(WORK, wake)
    broadcast.subscribe(LEASES, lambda _subject: worker.look())


async def _drain(worker: Worker) -> None:
    """What does not fit the time is in the inbox for the next start."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await worker.drain()
    except (TimeoutError, StorageUnavailable, Conflict) as error:
        log.warning("worker.not_drained", reason=str(error) or f"not within {DRAIN_SECONDS:g} s")
