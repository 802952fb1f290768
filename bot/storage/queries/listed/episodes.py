"""Episodes of alerts, ended ones too: what the monitors of a model found."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.watched.sensitivity import OWN_SOURCE
from bot.storage.database import table_of
from bot.storage.tables.core import AlertRow

MOST = 2000
_ALERT = table_of(AlertRow)


async def episodes_of_model(
    connection: AsyncConnection, model: str, since: datetime | None, domains: Collection[str] | None
) -> list[Alert]:
    """The newest first, up to ``MOST``; of these domains, None is all."""
    query = select(_ALERT).where(_ALERT.c.service == model, _ALERT.c.source == OWN_SOURCE, _ALERT.c.group == model)
    if since is not None:
        query = query.where(_ALERT.c.starts_at >= since)
    if domains is not None:
        query = query.where(_ALERT.c.domain.in_(sorted(domains)))
    ordered = query.order_by(_ALERT.c.starts_at.desc(), _ALERT.c.identity, _ALERT.c.episode.desc())
    return [msgspec.convert(dict(row), Alert) for row in (await connection.execute(ordered.limit(MOST))).mappings()]
