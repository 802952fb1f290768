"""Keeping house: what is not needed any more is deleted, each kind by whoever has the role for it."""

from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime, timedelta
from typing import Any

from bot.cluster.membership import Fleet
from bot.domain.retention import RetentionRules
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.maintenance.archive import open_archive
from bot.maintenance.model_data import keep_tidy
from bot.maintenance.pruning import Pruning
from bot.maintenance.retention import Retention
from bot.model_store.frames import Frames
from bot.remediation.durable import forget as forget_runs
from bot.storage.database import Database


def keep_house(
    fleet: Fleet,
    kept: RetentionRules,
    model_retention: timedelta,
    archive_address: str | None,
    rules: Rules,
    database: Database,
    inbox: Inbox,
    frames: Frames,
    clock: Callable[[], datetime],
) -> Iterator[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
    """Roles, each with what is to be done by whoever has it. Raises ConfigError where the archive cannot be there."""
    own = fleet.under(database, "tidying")
    yield "tidying", lambda: keep_tidy(own, frames, clock, model_retention)
    yield "pruning", Pruning(fleet.under(database, "pruning"), inbox, rules, clock).run
    own_retention = fleet.under(database, "retention")
    archive = open_archive(own_retention, archive_address) if kept.archive else None
    yield "retention", Retention(own_retention, inbox, kept, rules, archive, clock, forget_runs).run
