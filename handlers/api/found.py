"""What an address names, where the token may see it; and an incident as the answer to a change."""

import re
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident
from bot.errors import NotFound
from bot.storage.queries import incidents
from handlers.api.descriptions import describe
from handlers.api.operation import Answer, Call

_NUMBER = re.compile(r"[0-9]{1,12}")
_NO_INCIDENT = "There is no incident of that id."


async def incident_in(connection: AsyncConnection, call: Call[Any, Any], given: str) -> Incident:
    """The incident of an id, or of a number. Raises NotFound, also for one of a domain that is not the token's."""
    incident = None
    if _NUMBER.fullmatch(given):
        incident = await incidents.by_number(connection, int(given))
    elif given.isascii() and given.isalnum():
        incident = await incidents.by_id(connection, given)
    if incident is None or not call.caller.sees(incident.domain):
        raise NotFound(_NO_INCIDENT)
    return incident


async def incident_of(call: Call[Any, Any]) -> Incident:
    """The one that the address names. Raises NotFound."""
    async with call.database.read() as connection:
        return await incident_in(connection, call, call.path["id"])


async def changed(call: Call[Any, Any], incident_id: str, made: str = "") -> Answer:
    """The incident as it is after a change, without its alerts. ``made`` is the address of what was made."""
    async with call.database.read() as connection:
        incident = await incident_in(connection, call, incident_id)
        [shape] = await describe(connection, [incident], call.backend.policy.teams, with_alerts=False)
    return Answer(shape, incident.version, made)
