"""Alerts: the current episode of each, and the tallies that incidents are judged and shown by."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, RowMapping, and_, func, or_, select, text, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.event import AlertStatus
from bot.domain.incident import Tally
from bot.domain.inhibition import Placed
from bot.domain.severity import Severity
from bot.storage.database import chunks, row_of, table_of, upsert
from bot.storage.prepared import any_of, fetch_dicts, fetch_rows
from bot.storage.tables.core import AlertRow, SilenceRow

_ALERT = table_of(AlertRow)
_SILENCE = table_of(SilenceRow)
_ACTIVE = or_(_ALERT.c.status == AlertStatus.FIRING.value, _ALERT.c.flapping)
FIRING = (text("alert.current"), text("alert.status = 'firing'"))
OWN_FIRING = (*FIRING, text("alert.source = 'tandem'"))
_FLAPPING = text("alert.flapping")
"""In the words of the indexes over them: SQLAlchemy writes ``flapping = 1`` for SQLite, which finds no index by that
and reads all alerts. https://www.sqlite.org/partialindex.html"""
_SPAN = (func.min(_ALERT.c.starts_at), func.max(_ALERT.c.received_at), func.max(_ALERT.c.tolerance))
_CURRENT = select(_ALERT).where(_ALERT.c.identity.in_(any_of("identities")), _ALERT.c.current)
_ALIKE = (_ALERT.c.incident_id, _ALERT.c.service, _ALERT.c.name, _ALERT.c.severity, _ACTIVE, _ALERT.c.flapping)
_TALLIES = select(*_ALIKE, func.count(), *_SPAN).where(_ALERT.c.incident_id.in_(any_of("ids"))).group_by(*_ALIKE)
_MOST = 1000
MOST_A_TICK = 300
"""So many alerts one tick's transaction takes up of each kind: it holds up other writers."""


def _alert(row: RowMapping) -> Alert:
    return msgspec.convert(dict(row), Alert)


async def current_by_identity(connection: AsyncConnection, identities: Iterable[str]) -> dict[str, Alert]:
    """The latest episode of each alert that is known."""
    found: dict[str, Alert] = {}
    for chunk in chunks(identities):
        rows = await fetch_dicts(connection, _CURRENT, {"identities": chunk})
        found |= {row["identity"]: msgspec.convert(row, Alert) for row in rows}
    return found


async def save(connection: AsyncConnection, alerts: Sequence[Alert]) -> None:
    """Write alerts; a new episode takes the place of the one before as the current one."""
    successors = [alert.identity for alert in alerts if alert.episode > 1]
    for chunk in chunks(successors):
        await connection.execute(
            update(_ALERT).where(_ALERT.c.identity.in_(chunk), _ALERT.c.current).values(current=False)
        )
    await upsert(connection, _ALERT, [row_of(alert) for alert in alerts])


async def move(connection: AsyncConnection, incident_id: str, to: str, services: Collection[str] | None = None) -> None:
    """Give an incident's alerts, or those of some services, to another one."""
    mine = update(_ALERT).where(_ALERT.c.incident_id == incident_id).values(incident_id=to)
    if services is None:
        await connection.execute(mine)
        return
    for chunk in chunks(services):
        await connection.execute(mine.where(_ALERT.c.service.in_(chunk)))


async def move_some(connection: AsyncConnection, to: str, moved: Sequence[Alert]) -> None:
    """Give these episodes of alerts to an incident."""
    await save(connection, [msgspec.structs.replace(alert, incident_id=to) for alert in moved])


async def of_incidents(connection: AsyncConnection, ids: Sequence[str], limit: int = 10_000) -> dict[str, list[Alert]]:
    """The alerts of incidents, the newest first; at most ``limit`` in all."""
    found: dict[str, list[Alert]] = {incident_id: [] for incident_id in ids}
    rows = await connection.execute(
        select(_ALERT)
        .where(_ALERT.c.incident_id.in_(ids))
        .order_by(_ALERT.c.starts_at.desc(), _ALERT.c.identity)
        .limit(limit)
    )
    for alert in map(_alert, rows.mappings()):
        found[alert.incident_id or ""].append(alert)
    return found


async def in_pages(
    connection: AsyncConnection, ids: Sequence[str], limit: int, page: int = 200
) -> AsyncIterator[list[Alert]]:
    """As :func:`of_incidents`, a page at a time: very many are never in memory together."""
    query = (
        select(_ALERT)
        .where(_ALERT.c.incident_id.in_(ids))
        .order_by(_ALERT.c.starts_at.desc(), _ALERT.c.identity)
        .limit(limit)
    )
    rows = await connection.stream(query.execution_options(yield_per=page))
    async for part in rows.mappings().partitions(page):
        yield [_alert(row) for row in part]


async def tallies_of(connection: AsyncConnection, incident_ids: Iterable[str]) -> dict[str, list[Tally]]:
    """For each incident its alerts, counted by service, name, severity and state."""
    wanted = set(incident_ids)
    found: dict[str, list[Tally]] = {incident_id: [] for incident_id in wanted}
    for chunk in chunks(wanted):
        rows = await fetch_rows(connection, _TALLIES, {"ids": chunk})
        for incident_id, service, name, severity, active, flapping, count, *span in rows:
            tally = Tally(incident_id, service, name, Severity(severity), bool(active), bool(flapping), count, *span)
            found[incident_id].append(tally)
    return found


async def placed_with_names(
    connection: AsyncConnection, incident_ids: Iterable[str], names: Iterable[str]
) -> list[tuple[str, Placed]]:
    """Active alerts of these names that are placed on a host, each kind with its incident."""
    wanted = sorted(set(names))[:_MOST]
    found: list[tuple[str, Placed]] = []
    for chunk in chunks(incident_ids):
        these = and_(_ALERT.c.incident_id.in_(chunk), _ACTIVE, _ALERT.c.name.in_(wanted), _ALERT.c.host != "")
        found += await _placed(connection, these)
    return found


async def placed_on(connection: AsyncConnection, incident_id: str, hosts: Iterable[str]) -> list[Placed]:
    """Active alerts of an incident that are placed on these hosts; an empty host stands for those placed nowhere."""
    found: list[Placed] = []
    for chunk in chunks(hosts):
        these = and_(_ALERT.c.incident_id == incident_id, _ACTIVE, _ALERT.c.host.in_(chunk))
        found += [placed for _, placed in await _placed(connection, these)]
    return found


async def _placed(connection: AsyncConnection, these: ColumnElement[bool]) -> list[tuple[str, Placed]]:
    alike = (_ALERT.c.service, _ALERT.c.name, _ALERT.c.severity, _ALERT.c.flapping, _ALERT.c.host)
    rows = await connection.execute(
        select(_ALERT.c.incident_id, *alike, func.count(), func.min(_ALERT.c.starts_at))
        .where(these)
        .group_by(_ALERT.c.incident_id, *alike)
        .order_by(_ALERT.c.incident_id, *alike)
    )
    return [
        (incident_id, Placed(service, name, Severity(severity), bool(flapping), host, count, first_at))
        for incident_id, service, name, severity, flapping, host, count, first_at in rows
    ]


async def example_of(connection: AsyncConnection, incident_id: str, service: str, name: str) -> Alert | None:
    """The earliest active alert of a kind, for its annotations."""
    rows = await connection.execute(
        select(_ALERT)
        .where(_ALERT.c.incident_id == incident_id, _ALERT.c.service == service, _ALERT.c.name == name)
        .order_by(_ACTIVE.desc(), _ALERT.c.starts_at)
        .limit(1)
    )
    row = rows.mappings().first()
    return _alert(row) if row else None


async def of_source(connection: AsyncConnection, incident_id: str, source: str, limit: int = 50) -> list[Alert]:
    """The alerts of an incident that one source raised, the earliest first."""
    rows = await connection.execute(
        select(_ALERT)
        .where(_ALERT.c.incident_id == incident_id, _ALERT.c.source == source, _ALERT.c.current)
        .order_by(_ALERT.c.starts_at, _ALERT.c.identity)
        .limit(limit)
    )
    return [_alert(row) for row in rows.mappings()]


async def domains_of_service(connection: AsyncConnection, service: str, limit: int) -> list[str]:
    """The correlation domains in which a service has alerted."""
    query = select(_ALERT.c.domain).where(_ALERT.c.service == service, _ALERT.c.current).distinct()
    return [domain for (domain,) in await connection.execute(query.order_by(_ALERT.c.domain).limit(limit))]


async def firing_of_group(connection: AsyncConnection, domain: str, source: str, group: str, limit: int) -> list[Alert]:
    """What fires in one of a sender's groups, at most ``limit`` alerts."""
    rows = await connection.execute(select(_ALERT).where(_firing_of_group(domain, source, group)).limit(limit))
    return [_alert(row) for row in rows.mappings()]


async def end_group_later(connection: AsyncConnection, domain: str, source: str, group: str, ends_at: datetime) -> None:
    """Note what fires in a group as ended: ticks take that over, some alerts at a time (:func:`pending`)."""
    ended = {"pending": AlertStatus.RESOLVED.value, "pending_since": ends_at}
    await connection.execute(update(_ALERT).where(_firing_of_group(domain, source, group)).values(ended))


def _firing_of_group(domain: str, source: str, group: str) -> ColumnElement[bool]:
    return and_(_ALERT.c.domain == domain, _ALERT.c.group == group, *FIRING, _ALERT.c.source == source)


async def partitions_held_back(connection: AsyncConnection) -> list[int]:
    """The partitions in which alerts flap, are silenced or pending: where time alone can change something."""
    held_back = (_FLAPPING, _ALERT.c.silence_id.is_not(None), _ALERT.c.pending.is_not(None))
    rows = await connection.execute(union(*(select(_ALERT.c.partition).where(each) for each in held_back)))
    return [partition for (partition,) in rows]


async def flapping(connection: AsyncConnection, partition: int) -> list[Alert]:
    """The alerts of a partition that flap."""
    rows = await connection.execute(select(_ALERT).where(_ALERT.c.partition == partition, _FLAPPING, _ALERT.c.current))
    return [_alert(row) for row in rows.mappings()]


async def pending(connection: AsyncConnection, partition: int, since: datetime) -> list[Alert]:
    """The alerts of a partition whose pending status nothing has followed since then, at most ``MOST_A_TICK``."""
    rows = await connection.execute(
        select(_ALERT)
        .where(_ALERT.c.partition == partition, _ALERT.c.pending.is_not(None), _ALERT.c.pending_since <= since)
        .where(_ALERT.c.current)
        .limit(MOST_A_TICK)
    )
    return [_alert(row) for row in rows.mappings()]


async def no_longer_silenced(connection: AsyncConnection, partition: int, now: datetime) -> list[Alert]:
    """Alerts that were silenced, still fire, and whose silence is over, at most ``MOST_A_TICK``."""
    over = and_(_SILENCE.c.id == _ALERT.c.silence_id, _SILENCE.c.ends_at <= now)
    rows = await connection.execute(
        select(_ALERT)
        .join(_SILENCE, over)
        .where(_ALERT.c.partition == partition, _ALERT.c.current, _ALERT.c.silence_id.is_not(None))
        .limit(MOST_A_TICK)
    )
    return [_alert(row) for row in rows.mappings()]


async def hand_over(connection: AsyncConnection, silence_id: str, other_id: str) -> None:
    """What a silence holds is held by another one."""
    held = update(_ALERT).where(_ALERT.c.current, _ALERT.c.silence_id == silence_id)
    await connection.execute(held.values(silence_id=other_id))


class Fired(NamedTuple):
    """What fired, as matchers see it."""

    name: str
    service: str
    labels: dict[str, str]
    firing: bool


async def fired_since(
    connection: AsyncConnection, moment: datetime, limit: int, domains: Collection[str] | None = None
) -> list[Fired]:
    """The alerts that fire or have fired since a moment, each once; the latest where there are more than ``limit``;
    of these domains, or of all."""
    lately = or_(_ALERT.c.received_at >= moment, _ACTIVE)
    within = [] if domains is None else [_ALERT.c.domain.in_(sorted(domains))]
    rows = await connection.execute(
        select(_ALERT.c.name, _ALERT.c.service, _ALERT.c.labels, _ACTIVE)
        .where(_ALERT.c.current, lately, *within)
        .order_by(_ALERT.c.received_at.desc())
        .limit(limit)
    )
    return [Fired(name, service, labels, bool(active)) for name, service, labels, active in rows]


async def firing_in(connection: AsyncConnection, incident_ids: Iterable[str]) -> list[Alert]:
    """The alerts of these incidents that are firing or flapping, at most ``MOST_A_TICK``."""
    found: list[Alert] = []
    for chunk in chunks(incident_ids):
        rows = await connection.execute(
            select(_ALERT)
            .where(_ALERT.c.incident_id.in_(chunk), _ALERT.c.current, _ACTIVE)
            .limit(MOST_A_TICK - len(found))
        )
        found += map(_alert, rows.mappings())
    return found


async def active_of(connection: AsyncConnection, incident_id: str, limit: int) -> list[Alert]:
    """The alerts of an incident that are firing or flapping, the earliest first."""
    active = (_ALERT.c.incident_id == incident_id, _ALERT.c.current, _ACTIVE)
    rows = await connection.execute(
        select(_ALERT).where(*active).order_by(_ALERT.c.starts_at, _ALERT.c.identity).limit(limit)
    )
    return [_alert(row) for row in rows.mappings()]


async def count_active(connection: AsyncConnection, incident_id: str) -> int:
    """How many alerts of an incident are firing or flapping."""
    active = select(func.count()).select_from(_ALERT).where(_ALERT.c.incident_id == incident_id, _ACTIVE)
    return await connection.scalar(active) or 0
