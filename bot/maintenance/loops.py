"""Keeping house: what is not needed any more is deleted, each kind by whoever has the role for it."""

from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from typing import Any

from bot.domain.retention import RetentionRules
from bot.maintenance.archive import open_archive
from bot.maintenance.model_data import keep_tidy
from bot.maintenance.pruning import Pruning
from bot.maintenance.retention import Retention
from bot.model_store.frames import Frames
from bot.remediation.durable import forget as forget_runs
from bot.services import Services


def keep_house(
    services: Services,
    kept: RetentionRules,
    model_retention: timedelta,
    archive_address: str | None,
    frames: Frames,
) -> Iterator[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
    """Roles, each with what is to be done by whoever has it. Raises ConfigError where the archive cannot be there."""
    inbox, rules, clock = services.inbox, services.rules, services.clock
    own = services.under("tidying").database
    yield "tidying", lambda: keep_tidy(own, frames, clock, model_retention)
    yield "pruning", Pruning(services.under("pruning").database, inbox, rules, clock).run
    own_retention = services.under("retention").database
    archive = open_archive(own_retention, archive_address) if kept.archive else None
    yield "retention", Retention(own_retention, inbox, kept, rules, archive, clock, forget_runs).run
