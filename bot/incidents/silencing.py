"""Silences that people make and end. Each is one transaction, audited."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.duration import format_duration, parse_duration
from bot.domain.matcher import Matcher
from bot.domain.silence import Silence
from bot.errors import Refused
from bot.incidents import permissions
from bot.incidents.permissions import Action, Who, actor_of
from bot.incidents.reach import Reach, reach_of
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import alerts, audit, silences
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.deeds import silence_notices

MAX_SILENCE = timedelta(days=30)
_MAX_COMMENT = 500


class Made(NamedTuple):
    """A silence that is in force, and what it matches of what fired lately."""

    silence: Silence
    reach: Reach


class Declared(NamedTuple):
    """A silence as it was declared, whether there was none of its id, and what it matches where that was looked up."""

    silence: Silence
    new: bool
    reach: Reach | None


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
    reach = await reach_of(database, matchers, now, actor_of(who).domains)
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
    async with database.write() as connection:
        await silences.add(connection, silence)
        await silence_notices.add(connection, silence.id, user, now)
        await audit.append(connection, AuditEntry(now, user, "silence.add", f"silence {silence.id}", _details(silence)))
    return Made(silence, reach)


@begun_anew
async def declare_silence(
    database: Database, declared: Silence, who: Who, now: datetime, *, anyway: bool = False
) -> Declared:
    """Have the silence of an id be as it is declared; where it is so already, nothing is written and nobody told.

    Who made it stays. Raises Refused; TooBroad, unless ``anyway``, where it would match most alerts.
    """
    async with database.read() as connection:
        known = (await silences.by_ids(connection, [declared.id])).get(declared.id)
    kept = {"created_by": known.created_by, "origin": known.origin} if known else {"created_by": actor_of(who).id}
    silence = msgspec.structs.replace(declared, **kept)
    if silence == known:
        return Declared(silence, new=False, reach=None)
    _check_span(silence, now)
    reach = await reach_of(database, silence.matchers, now, actor_of(who).domains)
    permissions.require(who, Action.SILENCE, reach.services)
    if known is not None:
        before = await reach_of(database, known.matchers, now, actor_of(who).domains)
        permissions.require(who, Action.UNSILENCE, before.services)
    if reach.too_broad and not anyway:
        raise TooBroad(reach)
    action = "silence.add" if known is None else "silence.change"
    user = actor_of(who).id
    async with database.write() as connection:
        if known is not None and known.matchers != silence.matchers:
            await _release(connection, known, now)
        await silences.replace(connection, silence)
        await silence_notices.add(connection, silence.id, user, now, ended=silence.ends_at <= now)
        await audit.append(connection, AuditEntry(now, user, action, f"silence {silence.id}", _details(silence)))
    return Declared(silence, new=known is None, reach=reach)


async def _release(connection: AsyncConnection, known: Silence, now: datetime) -> None:
    """What it holds is looked at anew: the new matchers may not cover it."""
    over = msgspec.structs.replace(known, id=uuid.uuid4().hex[:8], ends_at=now)
    await silences.add(connection, over)
    await alerts.hand_over(connection, known.id, over.id)


def _check_span(silence: Silence, now: datetime) -> None:
    if silence.ends_at <= silence.starts_at:
        raise Refused("A silence ends after it starts. Nothing was changed.")
    if silence.ends_at - max(silence.starts_at, now) > MAX_SILENCE:
        raise Refused(f"A silence lasts up to {format_duration(MAX_SILENCE)}. Nothing was changed.")


def _details(silence: Silence) -> dict[str, object]:
    matchers = [str(matcher) for matcher in silence.matchers]
    return {
        "matchers": matchers,
        "starts_at": silence.starts_at.isoformat(),
        "ends_at": silence.ends_at.isoformat(),
    }


@begun_anew
async def end_silence(database: Database, silence_id: str, who: Who, now: datetime) -> None:
    """End a silence that is in force. Raises Refused."""
    async with database.read() as connection:
        known = (await silences.by_ids(connection, [silence_id])).get(silence_id)
    reach = await reach_of(database, known.matchers, now, actor_of(who).domains) if known else None
    permissions.require(who, Action.UNSILENCE, reach.services if reach else ())
    user = actor_of(who).id
    async with database.write() as connection:
        ended = await silences.end(connection, silence_id, now)
        if ended:
            await silence_notices.add(connection, silence_id, user, now, ended=True)
            await audit.append(connection, AuditEntry(now, user, "silence.end", f"silence {silence_id}"))
    if not ended:
        raise Refused("No silence of that id is in force: `/incident silences` lists them.")
