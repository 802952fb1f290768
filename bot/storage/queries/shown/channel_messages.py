"""What each channel shows of each incident, so that the notifier knows what is left to publish."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, true, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import IncidentStatus
from bot.domain.severity import Severity
from bot.storage.database import chunks, row_of, table_of, upsert
from bot.storage.queries.deeds import own_channels
from bot.storage.tables.core import IncidentRow, TimelineRow
from bot.storage.tables.routing import IncidentChannelRow
from bot.storage.tables.slack import ChannelMessageRow, SlackMessageRow

_INCIDENT = table_of(IncidentRow)
_MESSAGE = table_of(ChannelMessageRow)
_BEFORE = table_of(SlackMessageRow)
_TIMELINE = table_of(TimelineRow)
_ROUTED = table_of(IncidentChannelRow)
_ADOPTED_AT_ONCE = 500


class ChannelMessage(msgspec.Struct, frozen=True, kw_only=True):
    """``channel`` is the channel's key, ``ts`` the message's id there; see ``ChannelMessageRow``."""

    incident_id: str
    channel: str
    ts: str | None = None
    shown_version: int = 0
    posting_since: datetime | None = None
    threaded: bool = False
    thread_position: int = 0
    thread_posting: int | None = None
    shown_behind: bool = False
    posted_position: int = 0
    digest_rank: int | None = None
    digest_standing: int = 0
    mentioned: list[str] | None = None


Names = Collection[str] | None
"""The names by which routes know a channel: it shows what they lead there. None for one that shows every incident."""


async def save(connection: AsyncConnection, message: ChannelMessage) -> None:
    await save_all(connection, [message])


async def save_all(connection: AsyncConnection, messages: Sequence[ChannelMessage]) -> None:
    """Messages with the thread are written for the release before as well, which knows one channel only.

    Where the thread is stays as it is for a row that is there: :func:`take_thread` changes that.
    """
    rows = [row_of(message) for message in messages]
    await upsert(connection, _MESSAGE, rows, keep=["threaded"])
    threaded = [row for row in rows if row["threaded"]]
    await upsert(
        connection, _BEFORE, [{column.name: row[column.name] for column in _BEFORE.columns} for row in threaded]
    )


async def of_incident(connection: AsyncConnection, incident_id: str, channel: str) -> ChannelMessage:
    """What a channel shows of an incident; nothing yet is a message without ``ts``."""
    return (await of_incidents(connection, [incident_id], channel))[incident_id]


async def of_incidents(
    connection: AsyncConnection, incident_ids: Collection[str], channel: str
) -> dict[str, ChannelMessage]:
    found = {id_: ChannelMessage(incident_id=id_, channel=channel) for id_ in incident_ids}
    for chunk in chunks(incident_ids):
        query = select(_MESSAGE).where(_MESSAGE.c.incident_id.in_(chunk), _MESSAGE.c.channel == channel)
        for row in (await connection.execute(query)).mappings():
            found[row["incident_id"]] = msgspec.convert(dict(row), ChannelMessage)
    return found


async def places_of(connection: AsyncConnection, incident_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """For each incident that is shown, channel and ts of its message, of that with the thread where there are more."""
    found: dict[str, tuple[str, str]] = {}
    query = select(_MESSAGE.c.incident_id, _MESSAGE.c.channel, _MESSAGE.c.ts).order_by(_MESSAGE.c.threaded)
    for incident_id, channel, ts in await connection.execute(
        query.where(_MESSAGE.c.incident_id.in_(sorted(incident_ids)), _MESSAGE.c.ts.is_not(None))
    ):
        found[incident_id] = (channel, ts)
    return found


async def shown_versions(connection: AsyncConnection, incident_ids: Collection[str]) -> dict[str, int]:
    """For each incident that is shown, its newest version in any of its channels."""
    query = select(_MESSAGE.c.incident_id, func.max(_MESSAGE.c.shown_version)).group_by(_MESSAGE.c.incident_id)
    shown = and_(_MESSAGE.c.incident_id.in_(sorted(incident_ids)), _MESSAGE.c.ts.is_not(None))
    return {incident_id: version for incident_id, version in await connection.execute(query.where(shown))}


async def in_channels(connection: AsyncConnection, incident_id: str) -> list[ChannelMessage]:
    """The messages of an incident, in each of its channels, that with the thread first."""
    query = select(_MESSAGE).where(_MESSAGE.c.incident_id == incident_id, _MESSAGE.c.ts.is_not(None))
    rows = await connection.execute(query.order_by(_MESSAGE.c.threaded.desc(), _MESSAGE.c.channel))
    return [msgspec.convert(dict(row), ChannelMessage) for row in rows.mappings()]


async def shown_as(connection: AsyncConnection, channel: str, ts: str) -> str | None:
    """The incident whose message this is, or in whose own channel it stands."""
    query = select(_MESSAGE.c.incident_id).where(_MESSAGE.c.channel == channel, _MESSAGE.c.ts == ts).limit(1)
    return await connection.scalar(query) or await own_channels.incident_in(connection, channel)


async def shows_any(connection: AsyncConnection, channel: str) -> bool:
    """Whether a channel shows any incident, or is one's own."""
    query = select(_MESSAGE.c.incident_id).where(_MESSAGE.c.channel == channel, _MESSAGE.c.ts.is_not(None)).limit(1)
    return bool(await connection.scalar(query) or await own_channels.incident_in(connection, channel))


async def shows_domain(connection: AsyncConnection, channel: str, domain: str) -> bool:
    """Whether a channel shows an incident of a correlation domain, or is one's own."""
    shown = select(_MESSAGE.c.incident_id).where(_MESSAGE.c.channel == channel, _MESSAGE.c.ts.is_not(None))
    own = await own_channels.incident_in(connection, channel)
    here = or_(_INCIDENT.c.id.in_(shown), _INCIDENT.c.id == own) if own else _INCIDENT.c.id.in_(shown)
    query = select(_INCIDENT.c.id).where(_INCIDENT.c.domain == domain, here).limit(1)
    return await connection.scalar(query) is not None


async def digest_of(connection: AsyncConnection, incident_id: str) -> str | None:
    """The channel in whose digest an incident waits for its message."""
    waiting = (_MESSAGE.c.incident_id == incident_id, _MESSAGE.c.digest_rank.is_not(None))
    return (await connection.execute(select(_MESSAGE.c.channel).where(*waiting).limit(1))).scalar_one_or_none()


async def thread_channel(connection: AsyncConnection, incident_id: str) -> str | None:
    """The channel that has the incident's thread already."""
    query = select(_MESSAGE.c.channel).where(_MESSAGE.c.incident_id == incident_id, _MESSAGE.c.threaded).limit(1)
    return await connection.scalar(query)


async def take_thread(connection: AsyncConnection, incident_id: str, channel: str) -> None:
    """From now on this channel has the incident's thread, and no other."""
    of_incident = update(_MESSAGE).where(_MESSAGE.c.incident_id == incident_id)
    await connection.execute(of_incident.values(threaded=_MESSAGE.c.channel == channel))


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel does not take now: kinds of calls, and incidents whose message or thread is set aside.

    ``new``: incidents that it does not show yet, as it is the digest that says which.
    """

    post: bool = False
    update: bool = False
    find: bool = False
    find_reply: bool = False
    new: bool = False
    messages: Collection[str] = ()
    threads: Collection[str] = ()


class DueMessage(NamedTuple):
    """An incident that has no message in a channel yet (``new``), or one that is ``outdated``, or says that the
    pipeline is behind."""

    incident_id: str
    new: bool
    severity: Severity
    over: bool
    outdated: bool


async def next_to_show(
    connection: AsyncConnection,
    channel: str,
    caught_up: bool = True,
    closed: Closed | None = None,
    names: Names = None,
    most: int = 1,
) -> list[DueMessage]:
    """What a channel does not show as it is: new incidents, then the most severe, then the oldest.

    A new one that is over already waits for its turn among the others. Where the pipeline has ``caught_up``, what was
    shown while it was behind comes last of all. Whether an unknown incident belongs into the channel, the caller knows.
    """
    outdated = stale(names)
    closed = closed or Closed()
    unposted, over = _MESSAGE.c.ts.is_(None), _INCIDENT.c.status == IncidentStatus.RESOLVED.value
    new = and_(unposted, ~over)
    rank = case({severity.value: severity.rank for severity in Severity}, value=_INCIDENT.c.severity)
    rows = await connection.execute(
        select(_INCIDENT.c.id, unposted, _INCIDENT.c.severity, over, outdated)
        .outerjoin(_MESSAGE, in_channel(channel))
        .where(or_(outdated, _MESSAGE.c.shown_behind) if caught_up else outdated, *_open_to_messages(closed))
        .where(concerned(channel, names))
        .order_by(case((new, 0), (outdated, 1), else_=2), rank, _INCIDENT.c.changed_at, _INCIDENT.c.number)
        .limit(most)
    )
    return [
        DueMessage(incident_id, bool(new), Severity(severity), bool(over), bool(outdated))
        for incident_id, new, severity, over, outdated in rows
    ]


def _open_to_messages(closed: Closed) -> list[ColumnElement[bool]]:
    """Not what needs a call that the channel does not take now."""
    needs_no = {
        "post": _MESSAGE.c.ts.is_not(None),
        "update": _MESSAGE.c.ts.is_(None),
        "find": or_(_MESSAGE.c.ts.is_not(None), _MESSAGE.c.posting_since.is_(None)),
    }
    conditions = [condition for call, condition in needs_no.items() if getattr(closed, call)]
    conditions.append(_MESSAGE.c.digest_rank.is_(None))
    if closed.new:
        conditions.append(or_(_MESSAGE.c.ts.is_not(None), _MESSAGE.c.posting_since.is_not(None)))
    return [*conditions, _INCIDENT.c.id.not_in(closed.messages)] if closed.messages else conditions


class DueThread(NamedTuple):
    """``worse``: among what it does not show yet is that the incident got worse."""

    incident_id: str
    worse: bool


async def next_thread(connection: AsyncConnection, channel: str, closed: Closed | None = None) -> DueThread | None:
    """The incident whose thread in a channel lacks that it got worse, else the one that lacks the oldest entry.

    Under a message that has not the incident's thread stands only that it got worse.
    """
    closed = closed or Closed()
    if closed.post:
        return None
    conditions = [_MESSAGE.c.incident_id.not_in(closed.threads)] if closed.threads else []
    if closed.find_reply:
        conditions.append(_MESSAGE.c.thread_posting.is_(None))
    rows = await connection.execute(
        select(_MESSAGE.c.incident_id, _TIMELINE.c.worse)
        .join(_TIMELINE, _TIMELINE.c.incident_id == _MESSAGE.c.incident_id)
        .where(
            _MESSAGE.c.channel == channel,
            or_(_MESSAGE.c.threaded, and_(_TIMELINE.c.worse, _TIMELINE.c.id > _MESSAGE.c.posted_position)),
            _MESSAGE.c.ts.is_not(None),
            _TIMELINE.c.id > _MESSAGE.c.thread_position,
            ~_TIMELINE.c.posted,
            *conditions,
        )
        .order_by(_TIMELINE.c.worse.desc(), _TIMELINE.c.id)
        .limit(1)
    )
    row = rows.first()
    return DueThread(*row) if row else None


async def count_out_of_date(connection: AsyncConnection, channel: str, names: Names = None) -> int:
    """How many incidents a channel does not show as they are."""
    joined = _INCIDENT.outerjoin(_MESSAGE, in_channel(channel))
    query = select(func.count()).select_from(joined).where(stale(names), concerned(channel, names))
    return await connection.scalar(query) or 0


def in_channel(channel: str) -> ColumnElement[bool]:
    return and_(_MESSAGE.c.incident_id == _INCIDENT.c.id, _MESSAGE.c.channel == channel)


def concerned(channel: str, names: Names) -> ColumnElement[bool]:
    """Only incidents that a channel shows or is to show: with many channels, each looks at its own."""
    if names is None:
        return true()
    led = select(_ROUTED.c.incident_id).where(_ROUTED.c.channel.in_(sorted(names)))
    return _INCIDENT.c.id.in_(union(led, select(_MESSAGE.c.incident_id).where(_MESSAGE.c.channel == channel)))


def _led_here(names: Collection[str]) -> ColumnElement[bool]:
    led = select(_ROUTED.c.incident_id).where(_ROUTED.c.channel.in_(sorted(names)), _ROUTED.c.position.is_not(None))
    return _INCIDENT.c.id.in_(led)


def stale(names: Names = None) -> ColumnElement[bool]:
    """An incident that is over and was shown elsewhere is not brought into a channel that did not show it."""
    elsewhere = _MESSAGE.alias("elsewhere")
    shown = exists().where(elsewhere.c.incident_id == _INCIDENT.c.id, elsewhere.c.ts.is_not(None))
    missing = and_(_MESSAGE.c.incident_id.is_(None), or_(_INCIDENT.c.status != IncidentStatus.RESOLVED.value, ~shown))
    if names is not None:
        missing = and_(missing, _led_here(names))
    return or_(missing, _MESSAGE.c.shown_version < _INCIDENT.c.version)


async def to_adopt(connection: AsyncConnection, channel: str, after: str = "") -> list[dict[str, Any]]:
    """The next rows, in order of their incidents, that the release before wrote and that differ from ours.

    We write both tables in one transaction, so where they differ the release before wrote last: before the upgrade,
    or while it held the lease during a rolling one. Its rows without a channel belong to ``channel``, the configured
    one.
    """
    place = func.coalesce(_BEFORE.c.channel, channel)
    same = and_(_MESSAGE.c.incident_id == _BEFORE.c.incident_id, _MESSAGE.c.channel == place)
    kept = [column.name for column in _BEFORE.columns if column.name not in ("incident_id", "channel")]
    differ = [_MESSAGE.c[name].is_distinct_from(_BEFORE.c[name]) for name in kept]
    query = (
        select(*(_BEFORE.c[name] for name in ("incident_id", *kept)), place.label("channel"))
        .outerjoin(_MESSAGE, same)
        .where(_BEFORE.c.incident_id > after, or_(_MESSAGE.c.incident_id.is_(None), *differ))
        .order_by(_BEFORE.c.incident_id)
        .limit(_ADOPTED_AT_ONCE)
    )
    return [dict(row) | {"threaded": True} for row in (await connection.execute(query)).mappings()]


async def adopt(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    await upsert(connection, _MESSAGE, rows)
