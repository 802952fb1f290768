"""What Slack does not show as it is, in all channels."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import IncidentStatus
from bot.storage.database import table_of
from bot.storage.tables.core import IncidentRow
from bot.storage.tables.slack import ChannelMessageRow

_INCIDENT = table_of(IncidentRow)
_MESSAGE = table_of(ChannelMessageRow)


class Lagging(NamedTuple):
    """How many open incidents no channel shows, how many messages are not as their incidents are, and since when."""

    unshown: int
    outdated: int
    since: datetime | None


async def lagging(connection: AsyncConnection, before: datetime) -> Lagging:
    """Of what has changed last before a moment."""
    quiet, open_ = _INCIDENT.c.changed_at < before, _INCIDENT.c.status != IncidentStatus.RESOLVED.value
    taken = or_(_MESSAGE.c.ts.is_not(None), _MESSAGE.c.digest_rank.is_not(None))
    nowhere = ~exists().where(_MESSAGE.c.incident_id == _INCIDENT.c.id, taken)
    counted = select(func.count(), func.min(_INCIDENT.c.changed_at))
    joined = counted.select_from(_INCIDENT.join(_MESSAGE, _MESSAGE.c.incident_id == _INCIDENT.c.id))
    old = (_MESSAGE.c.ts.is_not(None), _MESSAGE.c.shown_version < _INCIDENT.c.version)
    late = (await connection.execute(joined.where(quiet, *old))).one()
    missing = (await connection.execute(counted.where(quiet, open_, nowhere))).one()
    return Lagging(missing[0], late[0], min((at for at in (missing[1], late[1]) if at is not None), default=None))
