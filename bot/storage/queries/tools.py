"""What tools that alerts come from were sent, and what of it they have: silences, states of alerts, what they list."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, and_, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.event import AlertStatus
from bot.domain.incident import IncidentStatus
from bot.domain.silence import Silence
from bot.storage.database import insert_missing, row_of, table_of, upsert
from bot.storage.tables.core import AlertRow, IncidentRow, SilenceRow
from bot.storage.tables.tools import ToolSeenRow, ToolSentRow, ToolSilenceRow

_SILENCE = table_of(SilenceRow)
_LINK = table_of(ToolSilenceRow)
_SENT = table_of(ToolSentRow)
_ALERT = table_of(AlertRow)
_INCIDENT = table_of(IncidentRow)
_SEEN = table_of(ToolSeenRow)
_ALERTS, _RECEIVERS = "alert", "receiver"
_MOST = 1000
_BY_ITSELF = "tandem"
"""Who makes the silences of maintenance windows, and our own alerts; no tool is told of either."""


class SilenceLink(msgspec.Struct, frozen=True, kw_only=True):
    tool: str
    silence_id: str
    there: str
    ends_at: datetime
    refused: str = ""


class State(StrEnum):
    """What a tool can be told of an alert."""

    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A tool has to be told that its alert ``target`` is in a state, because its incident is; ``actor`` did that."""

    target: str
    state: State
    actor: str
    incident_id: str
    number: int
    version: int


def _linked(tool: str) -> ColumnElement[bool]:
    return exists().where(_LINK.c.tool == tool, _LINK.c.silence_id == _SILENCE.c.id)


def _to_send(tool: str, now: datetime) -> ColumnElement[bool]:
    made_by_people = and_(_SILENCE.c.origin == "", _SILENCE.c.created_by != _BY_ITSELF)
    return and_(_SILENCE.c.ends_at > now, made_by_people, ~_linked(tool))


async def silences_untold(connection: AsyncConnection, tool: str, now: datetime) -> bool:
    """Whether a silence was made or ended here that the tool does not know of."""
    changed = and_(_LINK.c.tool == tool, _LINK.c.refused == "", _LINK.c.ends_at != _SILENCE.c.ends_at)
    ended = select(_LINK.c.silence_id).join(_SILENCE, _SILENCE.c.id == _LINK.c.silence_id).where(changed)
    made = select(_SILENCE.c.id).where(_to_send(tool, now))
    found = [(await connection.execute(query.limit(1))).first() for query in (ended, made)]
    return any(found)


async def silences_to_send(connection: AsyncConnection, tool: str, now: datetime) -> list[Silence]:
    """The silences made here that the tool does not have, the first to end first."""
    rows = await connection.execute(select(_SILENCE).where(_to_send(tool, now)).order_by(_SILENCE.c.ends_at))
    return [msgspec.convert(dict(row), Silence) for row in rows.mappings()]


async def silence_links(connection: AsyncConnection, tool: str) -> list[SilenceLink]:
    rows = await connection.execute(select(_LINK).where(_LINK.c.tool == tool).order_by(_LINK.c.silence_id))
    return [msgspec.convert(dict(row), SilenceLink) for row in rows.mappings()]


async def silence_refusals(connection: AsyncConnection) -> dict[str, list[tuple[str, str]]]:
    """For each silence that tools did not take, these tools and why."""
    rows = await connection.execute(select(_LINK).where(_LINK.c.refused != "").order_by(_LINK.c.tool))
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows.mappings():
        found.setdefault(row["silence_id"], []).append((row["tool"], row["refused"]))
    return found


async def save_silence(connection: AsyncConnection, link: SilenceLink) -> None:
    await upsert(connection, _LINK, [row_of(link)])


async def forget_silence(connection: AsyncConnection, link: SilenceLink) -> None:
    await connection.execute(delete(_LINK).where(_LINK.c.tool == link.tool, _LINK.c.silence_id == link.silence_id))


async def next_due(connection: AsyncConnection, tool: str, title: str, since: datetime) -> Due | None:
    """An alert of the tool that fires, of which it has to be told what people did to its incident since a moment.

    What was done in the tool itself, by actors whose names begin with its title, it is not told.
    """
    rows = await connection.execute(
        select(_ALERT.c.fingerprint, _INCIDENT, _SENT.c.state.label("told"))
        .join(_INCIDENT, _INCIDENT.c.id == _ALERT.c.incident_id)
        .outerjoin(_SENT, and_(_SENT.c.tool == tool, _SENT.c.target == _ALERT.c.fingerprint))
        .where(
            _INCIDENT.c.changed_at >= since,
            _ALERT.c.source == tool,
            _ALERT.c.current,
            _ALERT.c.status == AlertStatus.FIRING.value,
            or_(_acknowledged(title), _resolved(title)),
        )
        .order_by(_INCIDENT.c.changed_at, _ALERT.c.fingerprint)
        .limit(1)
    )
    row = rows.mappings().first()
    if row is None:
        return None
    resolved = row["status"] == IncidentStatus.RESOLVED.value
    return Due(
        target=row["fingerprint"],
        state=State.RESOLVED if resolved else State.ACKNOWLEDGED,
        actor=row["resolved_by"] if resolved else row["acknowledged_by"],
        incident_id=row["id"],
        number=row["number"],
        version=row["version"],
    )


def _acknowledged(title: str) -> ColumnElement[bool]:
    by = _INCIDENT.c.acknowledged_by
    here = and_(by.is_not(None), ~by.startswith(f"{title}: ", autoescape=True))
    return and_(_INCIDENT.c.status == IncidentStatus.ACKNOWLEDGED.value, here, _SENT.c.state.is_(None))


def _resolved(title: str) -> ColumnElement[bool]:
    by = _INCIDENT.c.resolved_by
    here = and_(by.is_not(None), ~by.startswith(f"{title}: ", autoescape=True))
    untold = or_(_SENT.c.state.is_(None), _SENT.c.state != State.RESOLVED.value)
    return and_(_INCIDENT.c.status == IncidentStatus.RESOLVED.value, here, untold)


async def mark_sent(connection: AsyncConnection, tool: str, due: Due, at: datetime, refused: str = "") -> None:
    """Write down what the tool was told, and why it did not take it where it did not."""
    row = {"tool": tool, "target": due.target, "incident_id": due.incident_id, "state": due.state.value}
    await upsert(connection, _SENT, [{**row, "version": due.version, "at": at, "refused": refused}])


async def refused_before(connection: AsyncConnection, tool: str, due: Due) -> bool:
    """Whether the tool refused the same of another alert of the incident."""
    same = (_SENT.c.tool == tool, _SENT.c.incident_id == due.incident_id, _SENT.c.state == due.state.value)
    rows = await connection.execute(select(_SENT.c.target).where(*same, _SENT.c.refused != "").limit(1))
    return rows.first() is not None


async def forget_sent(connection: AsyncConnection, before: datetime) -> None:
    await connection.execute(delete(_SENT).where(_SENT.c.at < before))


class Firing(msgspec.Struct, frozen=True):
    """An alert that fires here; ``seen``: in the tool's own list, at some time."""

    identity: str
    fingerprint: str
    received_at: datetime
    receiver: str
    seen: bool


def _fires(tool: str) -> ColumnElement[bool]:
    return and_(_ALERT.c.current, _ALERT.c.status == AlertStatus.FIRING.value, _ALERT.c.source == tool)


def was_seen() -> ColumnElement[bool]:
    """Whether an alert was seen in its tool's own list."""
    return exists().where(_SEEN.c.tool == _ALERT.c.source, _SEEN.c.kind == _ALERTS, _SEEN.c.name == _ALERT.c.identity)


async def firing_of(connection: AsyncConnection, tool: str) -> dict[str, Firing]:
    """All that fires of a tool, by fingerprint."""
    columns = (_ALERT.c.identity, _ALERT.c.fingerprint, _ALERT.c.received_at, _ALERT.c.receiver, was_seen())
    rows = await connection.execute(select(*columns).where(_fires(tool)))
    return {row[1]: Firing(*row) for row in rows}


async def any_unseen(connection: AsyncConnection, tool: str, since: datetime) -> bool:
    """Whether something fires that was received since then and was never seen in the list."""
    unseen = select(_ALERT.c.identity).where(_fires(tool), _ALERT.c.received_at >= since, ~was_seen())
    return (await connection.execute(unseen.limit(1))).first() is not None


async def receivers_of(connection: AsyncConnection, tool: str) -> set[str]:
    """The receivers of the tool by which alerts came here."""
    rows = await connection.execute(select(_SEEN.c.name).where(_SEEN.c.tool == tool, _SEEN.c.kind == _RECEIVERS))
    return {name for (name,) in rows}


async def note_seen(
    connection: AsyncConnection, tool: str, identities: Collection[str], receivers: Collection[str], now: datetime
) -> None:
    """Remember what the list was seen to hold; alerts that no longer fire are forgotten."""
    named = [*((_ALERTS, name) for name in identities), *((_RECEIVERS, name) for name in receivers)]
    rows = [{"tool": tool, "kind": kind, "name": name, "at": now} for kind, name in named]
    await insert_missing(connection, _SEEN, rows)
    fires = exists().where(_ALERT.c.identity == _SEEN.c.name, _fires(tool))
    await connection.execute(delete(_SEEN).where(_SEEN.c.tool == tool, _SEEN.c.kind == _ALERTS, ~fires))


async def unrepeated_since(connection: AsyncConnection, partition: int, moment: datetime) -> list[Alert]:
    """What fires in a partition, was last received before a moment, and whose source cannot be asked."""
    rows = await connection.execute(
        select(_ALERT)
        .where(_ALERT.c.current, _ALERT.c.status == AlertStatus.FIRING.value, _ALERT.c.partition == partition)
        .where(_ALERT.c.received_at <= moment, _ALERT.c.source != _BY_ITSELF, ~was_seen())
        .limit(_MOST)
    )
    return [msgspec.convert(dict(row), Alert) for row in rows.mappings()]
