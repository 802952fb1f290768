"""How often each kind of alert came lately, and what came of it."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import TimelineKind
from bot.domain.noise import Episode
from bot.domain.run import NOT_APPROVED
from bot.domain.watched.sensitivity import watch_group
from bot.storage.database import table_of
from bot.storage.tables.core import AlertRow, IncidentRow, TimelineRow
from bot.storage.tables.runs import RunRow

MOST_EPISODES = 20_000
_ALERT = table_of(AlertRow)
_INCIDENT = table_of(IncidentRow)
_RUN = table_of(RunRow)
_TIMELINE = table_of(TimelineRow)
_FLAPS = " is flapping ("
"""What the timeline says after the name of an alert that begins to flap."""


async def episodes_since(connection: AsyncConnection, moment: datetime) -> list[Episode]:
    """The episodes that began since a moment and were not silenced, the latest :data:`MOST_EPISODES` of them."""
    a = _ALERT.c
    rows = await connection.execute(
        select(a.name, a.service, a.labels, a.source, a.domain, a.group, a.starts_at, a.ends_at, _led_on())
        .outerjoin(_INCIDENT, _INCIDENT.c.id == a.incident_id)
        .where(a.starts_at >= moment, a.incident_id.is_not(None))
        .order_by(a.starts_at.desc())
        .limit(MOST_EPISODES)
    )
    return [
        Episode(
            name=name,
            service=service,
            labels=labels,
            group=watch_group(source, domain, labels, group),
            starts_at=starts_at,
            ends_at=ends_at,
            led_on=bool(led),
        )
        for name, service, labels, source, domain, group, starts_at, ends_at, led in rows
    ]


class Noisy(NamedTuple):
    """Alerts of one name at one service. ``led_on``: how many were acknowledged, or had an approved run."""

    name: str
    service: str
    episodes: int
    led_on: int


async def noisiest_since(
    connection: AsyncConnection, moment: datetime, domains: Collection[str] | None, limit: int
) -> list[Noisy]:
    """What came most often since a moment and led to nothing, of these domains, or of all: counted by the database."""
    a = _ALERT.c
    approved = select(_RUN.c.incident_id).where(_RUN.c.status.not_in(NOT_APPROVED))
    acted_upon = select(_INCIDENT.c.id).where(_INCIDENT.c.acknowledged_by.is_not(None)).union(approved)
    led_on = func.sum(case((a.incident_id.in_(acted_upon), 1), else_=0))
    query = (
        select(a.name, a.service, func.count(), led_on)
        .where(a.starts_at >= moment, a.incident_id.is_not(None))
        .group_by(a.name, a.service)
        .having(led_on < func.count())
        .order_by(led_on - func.count(), a.name, a.service)
        .limit(limit)
    )
    if domains is not None:
        query = query.where(a.domain.in_(sorted(domains)))
    return [Noisy(name, service, count, int(led)) for name, service, count, led in await connection.execute(query)]


async def flaps_since(connection: AsyncConnection, moment: datetime) -> Counter[str]:
    """How often alerts began to flap, by what the timeline calls them."""
    flapped = and_(_TIMELINE.c.kind == TimelineKind.ALERTS.value, _TIMELINE.c.text.contains(_FLAPS, autoescape=True))
    rows = await connection.execute(select(_TIMELINE.c.text).where(flapped, _TIMELINE.c.at >= moment))
    return Counter(text.partition(_FLAPS)[0] for (text,) in rows)


def _led_on() -> ColumnElement[bool]:
    """Whether somebody acknowledged the incident of an alert, or approved a run for it."""
    approved = select(_RUN.c.id).where(_RUN.c.incident_id == _ALERT.c.incident_id, _RUN.c.status.not_in(NOT_APPROVED))
    return or_(_INCIDENT.c.acknowledged_by.is_not(None), approved.exists())
