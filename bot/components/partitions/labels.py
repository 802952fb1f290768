"""Other labels that tell correlation domains apart: what is stored is moved before anything begins with them."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from bot.components.partitions.offline import offline_of
from bot.config import Config, Environment
from bot.domain.event import Event
from bot.errors import ConfigError, Refused
from bot.inbox import partitions
from bot.inbox.inbox import Inbox, NewEntry
from bot.inbox.intake import entries_for
from bot.storage.database import Database

log = structlog.get_logger(__name__)


async def settle_labels(environment: Environment, config: Config, database: Database, inbox: Inbox, known: int) -> None:
    """See to it that all that is stored has the domains of ``correlation.partition_by``.

    Where that is another one than before, what waits is worked through by the old one, and what is stored is moved.
    Raises ConfigError where other processes still work by the old one.
    """
    wanted = config.rules().correlation.partition_by
    before = await _noted(database, wanted)
    if before == wanted:
        return
    log.warning("partitions.labels_change", before=before, now=wanted)
    try:
        async with offline_of(environment, config, database, inbox, known) as offline:
            await offline.work_off()
            await offline.change(known)
    except Refused as refused:
        why = f"correlation.partition_by is {wanted}, and what is stored is by {list(before)}"
        raise ConfigError(f"{why}; it is moved when nothing else runs. {refused}") from refused


async def take_stranded(config: Config, database: Database, inbox: Inbox, known: int) -> None:
    """See :func:`bot.inbox.partitions.take_stranded`."""
    by = config.rules().correlation.partition_by

    def entries(events: Sequence[Event], received_at: datetime) -> Sequence[NewEntry]:
        return entries_for(events, "tandem", received_at, by, known)

    if taken := await partitions.take_stranded(database, inbox, entries):
        log.warning("partitions.stranded", entries=taken, advice="They came into partitions that there are no more.")


async def _noted(database: Database, wanted: Sequence[str]) -> Sequence[str]:
    """The labels of what is stored; a database of which nobody has noted them is taken to have these."""
    async with database.read() as connection:
        noted = await partitions.labels(connection)
    if noted is not None:
        return noted
    async with database.write() as connection:
        await partitions.note_labels(connection, wanted)
    return wanted
