"""How often each kind of alert came lately, and what came of it."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import TimelineKind
from bot.domain.noise import Episode
from bot.domain.run import NOT_APPROVED
from bot.domain.watched.sensitivity import watch_group
from bot.storage.database import table_of
from bot.storage.tables.core import AlertRow, IncidentRow, TimelineRow
from bot.storage.tables.runs import RunRow

MOST_EPISODES = 20_000
_SLICE = 250
AT_ONCE = timedelta(minutes=1)
"""Who resolves an incident so soon after it opened, or was acknowledged, has nothing to do about it."""
_ALERT = table_of(AlertRow)
_INCIDENT = table_of(IncidentRow)
_RUN = table_of(RunRow)
_TIMELINE = table_of(TimelineRow)
_FLAPS = " is flapping ("
"""What the timeline says after the name of an alert that begins to flap."""


async def episodes_since(
    connection: AsyncConnection, moment: datetime, domains: Collection[str] | None = None
) -> list[Episode]:
    """The episodes that began since a moment and were not silenced, the latest :data:`MOST_EPISODES` of them; of these
    domains, or of all."""
    a, i = _ALERT.c, _INCIDENT.c
    query = (
        select(a.name, a.service, a.labels, a.source, a.domain, a.group, a.starts_at, a.ends_at, a.incident_id)
        .add_columns(_approved(), i.acknowledged_by, i.owner, i.resolved_by, i.resolved_at)
        .add_columns(func.coalesce(i.acknowledged_at, i.created_at, i.opened_at))
        .outerjoin(_INCIDENT, i.id == a.incident_id)
        .where(a.starts_at >= moment, a.incident_id.is_not(None))
        .order_by(a.starts_at.desc())
        .limit(MOST_EPISODES)
    )
    if domains is not None:
        query = query.where(a.domain.in_(sorted(domains)))
    found: list[Episode] = []
    for place, row in enumerate(await connection.execute(query), start=1):
        found.append(_episode(row))
        if place % _SLICE == 0:  # of twenty thousand, a page and others would wait for a tenth of a second
            await asyncio.sleep(0)
    return found


def _episode(row: Sequence[Any]) -> Episode:
    name, service, labels, source, domain, group, starts_at, ends_at, incident_id, *done = row
    approved, acknowledged, owner, resolved_by, resolved_at, taken_at = done
    at_once = bool(resolved_by) and resolved_at is not None and resolved_at - taken_at <= AT_ONCE
    return Episode(
        name=name,
        service=service,
        labels=labels,
        group=watch_group(source, domain, labels, group),
        starts_at=starts_at,
        ends_at=ends_at,
        led_on=bool(approved or acknowledged or owner),
        dismissed=at_once and not approved,
        incident_id=incident_id,
        source=source,
    )


async def flaps_since(
    connection: AsyncConnection, moment: datetime, domains: Collection[str] | None = None
) -> Counter[str]:
    """How often alerts began to flap, by what the timeline calls them; in these domains, or in all."""
    flapped = and_(_TIMELINE.c.kind == TimelineKind.ALERTS.value, _TIMELINE.c.text.contains(_FLAPS, autoescape=True))
    query = select(_TIMELINE.c.text).where(flapped, _TIMELINE.c.at >= moment)
    if domains is not None:
        query = query.join(_INCIDENT, _INCIDENT.c.id == _TIMELINE.c.incident_id)
        query = query.where(_INCIDENT.c.domain.in_(sorted(domains)))
    rows = await connection.execute(query)
    return Counter(text.partition(_FLAPS)[0] for (text,) in rows)


def _approved() -> ColumnElement[bool]:
    """Whether somebody approved a run for the incident of an alert."""
    approved = select(_RUN.c.id).where(_RUN.c.incident_id == _ALERT.c.incident_id, _RUN.c.status.not_in(NOT_APPROVED))
    return approved.exists()
