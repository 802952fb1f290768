"""Silences that people make and end. Each is one transaction, audited."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.duration import format_duration, parse_duration
from bot.domain.matcher import Matcher
from bot.domain.silence import Silence
from bot.errors import Refused
from bot.incidents import permissions
from bot.incidents.permissions import Action, Who, actor_of
from bot.incidents.reach import Reach, reach_of
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import audit, silences
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.deeds import silence_notices

MAX_SILENCE = timedelta(days=30)
_MAX_COMMENT = 500


class Made(NamedTuple):
    """A silence that is in force, and what it matches of what fired lately."""

    silence: Silence
    reach: Reach


class TooBroad(Refused):
    """It would match most of what fires. The message names the numbers, and is for whoever wanted it."""

    def __init__(self, reach: Reach) -> None:
        what = "matches alerts whatever they are" if reach.whatever else "matches more than half of what fires"
        self.reach = reach
        super().__init__(f"This {what}: {reach.in_words()}. Nothing was silenced.")


def parse_silence_span(text: str) -> timedelta:
    """How long a silence lasts. Raises ValueError where that is unclear or too long."""
    span = parse_duration(text)
    if not timedelta(0) < span <= MAX_SILENCE:
        raise ValueError(f"a silence lasts up to {format_duration(MAX_SILENCE)}")
    return span


@begun_anew
async def add_silence(
    database: Database,
    matchers: Sequence[Matcher],
    span: timedelta,
    comment: str,
    who: Who,
    now: datetime,
    *,
    anyway: bool = False,
) -> Made:
    """Put a silence in force. Raises Refused; TooBroad, unless ``anyway``, where it would match most alerts."""
    reach = await reach_of(database, matchers, now)
    permissions.require(who, Action.SILENCE, reach.services)
    if reach.too_broad and not anyway:
        raise TooBroad(reach)
    user = actor_of(who).id
    silence = Silence(
        id=uuid.uuid4().hex[:8],
        matchers=list(matchers),
        starts_at=now,
        ends_at=now + span,
        created_by=user,
        comment=comment[:_MAX_COMMENT],
    )
    details = {"matchers": [str(matcher) for matcher in matchers], "ends_at": silence.ends_at.isoformat()}
    async with database.write() as connection:
        await silences.add(connection, silence)
        await silence_notices.add(connection, silence.id, user, now)
        await audit.append(connection, AuditEntry(now, user, "silence.add", f"silence {silence.id}", details))
    return Made(silence, reach)


@begun_anew
async def end_silence(database: Database, silence_id: str, who: Who, now: datetime) -> None:
    """End a silence that is in force. Raises Refused."""
    async with database.read() as connection:
        known = (await silences.by_ids(connection, [silence_id])).get(silence_id)
    reach = await reach_of(database, known.matchers, now) if known else None
    permissions.require(who, Action.UNSILENCE, reach.services if reach else ())
    user = actor_of(who).id
    async with database.write() as connection:
        ended = await silences.end(connection, silence_id, now)
        if ended:
            await silence_notices.add(connection, silence_id, user, now, ended=True)
            await audit.append(connection, AuditEntry(now, user, "silence.end", f"silence {silence_id}"))
    if not ended:
        raise Refused("No silence of that id is in force: `/incident silences` lists them.")
