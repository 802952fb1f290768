"""How often each kind of alert came lately, and what came of it."""

from collections import Counter
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import TimelineKind
from bot.domain.noise import Episode
from bot.domain.run import RunStatus
from bot.domain.watched.sensitivity import watch_group
from bot.storage.database import table_of
from bot.storage.tables.core import AlertRow, IncidentRow, TimelineRow
from bot.storage.tables.runs import RunRow

MOST_EPISODES = 20_000
_ALERT = table_of(AlertRow)
_INCIDENT = table_of(IncidentRow)
_RUN = table_of(RunRow)
_TIMELINE = table_of(TimelineRow)
_NOT_APPROVED = [status.value for status in (RunStatus.PROPOSED, RunStatus.REJECTED, RunStatus.EXPIRED)]
_FLAPS = " is flapping ("
"""What the timeline says after the name of an alert that begins to flap."""


async def episodes_since(connection: AsyncConnection, moment: datetime) -> list[Episode]:
    """The episodes that began since a moment and were not silenced, the latest :data:`MOST_EPISODES` of them."""
    approved = select(_RUN.c.id).where(_RUN.c.incident_id == _ALERT.c.incident_id, _RUN.c.status.not_in(_NOT_APPROVED))
    led_on = or_(_INCIDENT.c.acknowledged_by.is_not(None), approved.exists()).label("led_on")
    a = _ALERT.c
    rows = await connection.execute(
        select(a.name, a.service, a.labels, a.source, a.domain, a.group, a.starts_at, a.ends_at, led_on)
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


async def flaps_since(connection: AsyncConnection, moment: datetime) -> Counter[str]:
    """How often alerts began to flap, by what the timeline calls them."""
    flapped = and_(_TIMELINE.c.kind == TimelineKind.ALERTS.value, _TIMELINE.c.text.contains(_FLAPS, autoescape=True))
    rows = await connection.execute(select(_TIMELINE.c.text).where(flapped, _TIMELINE.c.at >= moment))
    return Counter(text.partition(_FLAPS)[0] for (text,) in rows)
