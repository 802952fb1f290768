"""The values that a label has in alerts, found by the database: an incident may have thousands of alerts."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Text, cast, func, literal, or_, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertStatus
from bot.storage.database import table_of
from bot.storage.tables.core import AlertRow

_ALERT = table_of(AlertRow)
ACTIVE = or_(_ALERT.c.status == AlertStatus.FIRING.value, _ALERT.c.flapping)
_MOST = 1000


async def of_active(connection: AsyncConnection, incident_id: str, names: Sequence[str]) -> dict[str, list[str]]:
    """For each label its different values in alerts of the incident that fire, at most a thousand."""
    found: dict[str, list[str]] = {}
    for name in names:
        column = label_column(name, connection.dialect.name)
        query = select(column).where(_ALERT.c.incident_id == incident_id, ACTIVE, column.is_not(None))
        found[name] = list(await connection.scalars(query.distinct().limit(_MOST)))
    return found


def label_column(name: str, dialect: str) -> ColumnElement[str]:
    """A label of an alert, NULL where it has none."""
    if dialect == "sqlite":
        return func.json_extract(cast(_ALERT.c.labels, Text), f'$."{name}"', type_=Text())
    return cast(_ALERT.c.labels, postgresql.JSON).op("->>", return_type=Text())(cast(literal(name, Text()), Text))
