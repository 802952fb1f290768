"""Keeping house: what is not needed any more is deleted, each kind by whoever has the role for it."""

from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from typing import Any

from bot.config import Config, Environment
from bot.domain.rules import Rules
from bot.fleet import Fleet
from bot.pipeline.pruning import Pruning
from bot.pipeline.retention import Retention
from bot.remediation.durable import forget as forget_runs
from bot.storage.archive import open_archive
from bot.storage.database import Database
from bot.storage.frames import Frames
from bot.storage.inbox import Inbox
from bot.storage.tidying import keep_tidy


def keep_house(
    fleet: Fleet,
    environment: Environment,
    config: Config,
    rules: Rules,
    database: Database,
    inbox: Inbox,
    frames: Frames,
    clock: Callable[[], datetime],
) -> Iterator[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
    """Roles, each with what is to be done by whoever has it. Raises ConfigError where the archive cannot be there."""
    own, kept_for = fleet.under(database, "tidying"), environment.model_retention
    yield "tidying", lambda: keep_tidy(own, frames, clock, kept_for)
    yield "pruning", Pruning(fleet.under(database, "pruning"), inbox, rules, clock).run
    own_retention, kept = fleet.under(database, "retention"), config.retention
    archive = open_archive(own_retention, environment.archive) if kept.archive else None
    yield "retention", Retention(own_retention, inbox, kept, rules, archive, clock, forget_runs).run
