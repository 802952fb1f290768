"""What a channel shows in its digest: new incidents that have no message of their own, as there are too many."""

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec
from sqlalchemy import and_, case, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, IncidentStatus
from bot.domain.severity import Severity
from bot.storage.database import chunks, row_of, table_of, upsert
from bot.storage.queries import incidents
from bot.storage.queries.learnt_edges import EdgeKind
from bot.storage.queries.shown.channel_messages import Names, concerned, in_channel, stale
from bot.storage.tables.core import AlertRow, IncidentRow, LearntEdgeRow
from bot.storage.tables.runs import RunRow
from bot.storage.tables.slack import ChannelDigestRow, ChannelMessageRow

_INCIDENT = table_of(IncidentRow)
_MESSAGE = table_of(ChannelMessageRow)
_DIGEST = table_of(ChannelDigestRow)
_ALERT = table_of(AlertRow)
_EDGE = table_of(LearntEdgeRow)
_RUN = table_of(RunRow)
_REMEMBERED = 2000
"""The services of so many incidents before a flood are known."""


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """See ``ChannelDigestRow``."""

    channel: str
    since: datetime
    total: int = 0
    resolved: int = 0
    ts: str | None = None
    posting_since: datetime | None = None


class Support(msgspec.Struct, frozen=True, kw_only=True):
    """What speaks for an incident among its own alerts and runs."""

    alerts: int = 1
    sources: int = 1
    repeated: bool = False
    run: bool = False


async def of_channel(connection: AsyncConnection, channel: str) -> Digest | None:
    row = (await connection.execute(select(_DIGEST).where(_DIGEST.c.channel == channel))).mappings().first()
    return msgspec.convert(dict(row), Digest) if row else None


async def save(connection: AsyncConnection, digest: Digest) -> None:
    await upsert(connection, _DIGEST, [row_of(digest)])


async def close(connection: AsyncConnection, channel: str) -> None:
    await connection.execute(delete(_DIGEST).where(_DIGEST.c.channel == channel))


async def unposted(
    connection: AsyncConnection, channel: str, flood: bool, limit: int, names: Names = None
) -> list[str]:
    """Incidents that a channel does not show, or that have changed in its digest, the most severe first.

    In a ``flood`` also those that are over by now.
    """
    rank = case({severity.value: severity.rank for severity in Severity}, value=_INCIDENT.c.severity)
    unseen = and_(stale(names), concerned(channel, names), _MESSAGE.c.ts.is_(None), _MESSAGE.c.posting_since.is_(None))
    if not flood:
        unseen = and_(unseen, _INCIDENT.c.status != IncidentStatus.RESOLVED.value)
    rows = await connection.scalars(
        select(_INCIDENT.c.id)
        .outerjoin(_MESSAGE, in_channel(channel))
        .where(unseen)
        .order_by(rank, _INCIDENT.c.number)
        .limit(limit)
    )
    return list(rows)


async def next_to_post(
    connection: AsyncConnection, channel: str, standings: Collection[int], set_aside: Collection[str], *, find: bool
) -> tuple[str, int] | None:
    """The first incident of a digest, of those that are so well attested, and its standing; what is half posted first.

    ``find`` says whether what was being posted can be looked for.
    """
    posting = _MESSAGE.c.posting_since.is_not(None)
    conditions = [_MESSAGE.c.incident_id.not_in(set_aside)] if set_aside else []
    may = _MESSAGE.c.digest_standing.in_(list(standings))
    rows = await connection.execute(
        select(_MESSAGE.c.incident_id, _MESSAGE.c.digest_standing)
        .join(_INCIDENT, _INCIDENT.c.id == _MESSAGE.c.incident_id)
        .where(_MESSAGE.c.channel == channel, _MESSAGE.c.digest_rank.is_not(None), *conditions)
        .where(or_(posting, may) if find else and_(~posting, may))
        .order_by(case((posting, 0), else_=1), _MESSAGE.c.digest_rank, _INCIDENT.c.number)
        .limit(1)
    )
    row = rows.first()
    return (row[0], row[1]) if row else None


async def listed(connection: AsyncConnection, channel: str, limit: int) -> tuple[int, list[Incident]]:
    """How many incidents a digest has, and the first of them."""
    within = and_(_MESSAGE.c.channel == channel, _MESSAGE.c.digest_rank.is_not(None))
    count = await connection.scalar(select(func.count()).select_from(_MESSAGE).where(within)) or 0
    ids = list(
        await connection.scalars(
            select(_MESSAGE.c.incident_id)
            .join(_INCIDENT, _INCIDENT.c.id == _MESSAGE.c.incident_id)
            .where(within)
            .order_by(_MESSAGE.c.digest_rank, _INCIDENT.c.number)
            .limit(limit)
        )
    )
    found = await incidents.by_ids(connection, ids)
    return count, [found[id_] for id_ in ids if id_ in found]


async def support_of(connection: AsyncConnection, incident_ids: Collection[str]) -> dict[str, Support]:
    found = {incident_id: Support() for incident_id in incident_ids}
    for chunk in chunks(incident_ids):
        with_run = set(await connection.scalars(select(_RUN.c.incident_id).where(_RUN.c.incident_id.in_(chunk))))
        rows = await connection.execute(
            select(
                _ALERT.c.incident_id,
                func.count(_ALERT.c.identity.distinct()),
                func.count(_ALERT.c.source.distinct()),
                func.max(_ALERT.c.repeats),
            )
            .where(_ALERT.c.incident_id.in_(chunk))
            .group_by(_ALERT.c.incident_id)
        )
        for incident_id, alerts, sources, repeats in rows:
            found[incident_id] = Support(
                alerts=alerts, sources=sources, repeated=repeats > 0, run=incident_id in with_run
            )
    return found


async def services_before(connection: AsyncConnection, moment: datetime) -> set[tuple[str, str]]:
    """Domain and name of the services that had incidents before a moment, of the last ones."""
    learnt_at = func.coalesce(_INCIDENT.c.created_at, _INCIDENT.c.opened_at)
    rows = await connection.execute(
        select(_INCIDENT.c.domain, _INCIDENT.c.services)
        .where(learnt_at < moment)
        .order_by(_INCIDENT.c.number.desc())
        .limit(_REMEMBERED)
    )
    return {(domain, service) for domain, services in rows for service in services}


async def learnt(connection: AsyncConnection, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these, domain and service, metrics of calls or people have taught. What alerts teach does not count."""
    pairs = set(pairs)
    found: set[tuple[str, str]] = set()
    for chunk in chunks(service for _, service in pairs):
        for end in (_EDGE.c.service, _EDGE.c.depends_on):
            query = select(_EDGE.c.domain, end).where(end.in_(chunk), _EDGE.c.kind != EdgeKind.RUNS_ON.value)
            found |= {(domain, service) for domain, service in await connection.execute(query.distinct())}
    return found & pairs
