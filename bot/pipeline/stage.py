"""What a stage is, and the registry that finds, checks and orders them.

A stage is a function ``(batch, connection) → None`` in a file of its own in ``bot/pipeline/stages``. Its decorator
declares its contract: the fields of the batch that it reads and writes, and the stages that it must come after.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import fields
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import combinations
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import TandemError
from bot.pipeline import stages as stage_files
from bot.pipeline.batch import Batch, Trigger

Work = Callable[[Batch, AsyncConnection], Awaitable[None]]

GIVEN = frozenset({"partition", "now", "rules", "make_plan", "inbox", "size", "trigger", "watches", "asks"})
"""What every stage may read without saying so, and none may write."""
FIELDS = frozenset(field.name for field in fields(Batch)) - GIVEN


class StageError(TandemError):
    """The stages do not fit together; the message says which, and what to declare."""


class Stage(NamedTuple):
    """``after`` names the stages that it directly depends on; ``on`` says which batches it is part of."""

    name: str
    work: Work
    reads: frozenset[str]
    writes: frozenset[str]
    after: frozenset[str]
    on: frozenset[Trigger]

    @property
    def about(self) -> str:
        """What it does, in one sentence: the first line of its file, without the word ``Stage``."""
        text = (importlib.import_module(self.work.__module__).__doc__ or "").split("\n\n")[0]
        return " ".join(text.split()).removeprefix("Stage: ").rstrip(".")


_known: dict[str, Stage] = {}


def stage(
    *,
    reads: Collection[str] = (),
    writes: Collection[str] = (),
    after: Collection[str] = (),
    on: Collection[Trigger] = tuple(Trigger),
) -> Callable[[Work], Work]:
    """Register a function as a stage. Raises StageError where what it declares is no field of the batch."""

    def register(work: Work) -> Work:
        name = getattr(work, "__name__", repr(work))
        for wrong in sorted({*reads, *writes} - FIELDS):
            given = (
                " is given: every stage may read it and none may write it" if wrong in GIVEN else " is no field of it"
            )
            raise StageError(f"stage {name}: it declares to touch batch.{wrong}, which{given}")
        _known[name] = Stage(name, work, frozenset(reads), frozenset(writes), frozenset(after), frozenset(on))
        return work

    return register


@cache
def _find_all() -> None:
    """Import every file of ``bot/pipeline/stages``, so that its decorator registers it."""
    for module in pkgutil.iter_modules(stage_files.__path__, f"{stage_files.__name__}."):
        importlib.import_module(module.name)


def all_stages() -> Mapping[str, Stage]:
    _find_all()
    return _known


def stages_on(trigger: Trigger) -> list[Stage]:
    """The stages that batches of this kind go through, in order. Raises StageError where the order is not clear."""
    return ordered([one for one in all_stages().values() if trigger in one.on], all_stages())


def ordered(stages: Iterable[Stage], known: Collection[str]) -> list[Stage]:
    """Each stage after those that it names; where nothing decides, by name.

    Raises StageError where a stage that is named is not ``known``, where stages wait for each other, and where two
    touch the same field, one of them writes it, and neither says which comes first.
    """
    by_name = {one.name: one for one in stages}
    for one in by_name.values():
        if unknown := sorted(one.after - set(known)):
            raise StageError(f"stage {one.name}: it must come after {unknown[0]}, which is no stage")
    sorter = TopologicalSorter({one.name: one.after & by_name.keys() for one in by_name.values()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise StageError(f"stages wait for each other: {' → '.join(error.args[1])}") from error
    order: list[Stage] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += [by_name[name] for name in ready]
        sorter.done(*ready)
    _refuse_unclear(order)
    return order


def _refuse_unclear(order: list[Stage]) -> None:
    before: dict[str, set[str]] = {}
    for one in order:
        before[one.name] = {*one.after, *(name for direct in one.after for name in before.get(direct, ()))}
    for first, second in combinations(order, 2):
        shared = (first.writes & (second.reads | second.writes)) | (second.writes & first.reads)
        if shared and first.name not in before[second.name]:
            raise StageError(
                f"stages {first.name} and {second.name} both touch batch.{min(shared)}, and at least one writes it: "
                f"one of them must declare to come after the other"
            )
