"""An incident asks for a channel of its own: written down here, and made by what keeps such channels."""

import re
import unicodedata
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deed import Done, NotPossible, Outcome, Rule
from bot.domain.incident import Incident
from bot.incidents.change import Deed, carry_out
from bot.incidents.permissions import Action, Who, actor_of
from bot.storage.database import Database
from bot.storage.queries.deeds import own_channels
from bot.storage.queries.deeds.own_channels import OwnChannel

PREFIX = "inc"
MOST_NAME = 80
"""Characters of a name: https://docs.slack.dev/reference/methods/conversations.create"""
_OTHERS = re.compile(r"[^a-z0-9]+")


async def ask_for_channel(database: Database, incident_id: str, who: Who, now: datetime) -> Incident:
    """Let it have a channel of its own, once. Raises Refused, audited, with where it is if there is one."""

    async def rule(connection: AsyncConnection, incident: Incident) -> Rule:
        known = await own_channels.of_incident(connection, incident.id)
        return _already(known) if known and known.live else _asking

    async def then(connection: AsyncConnection, incident: Incident, now: datetime) -> None:
        wanted = OwnChannel(
            incident_id=incident.id, name=name_of(incident), asked_by=actor_of(who).id, asked_at=now, changed_at=now
        )
        await own_channels.save(connection, wanted)

    return await carry_out(database, incident_id, Deed("incident.channel", Action.CHANNEL, rule, then), who, now)


def _asking(incident: Incident, user: str, now: datetime) -> Outcome:
    if not incident.open:
        return NotPossible(f"Incident #{incident.number} is already resolved: it gets no channel any more.")
    return Done(incident, "Gets a channel of its own")


def _already(known: OwnChannel) -> Rule:
    def refuse(incident: Incident, user: str, now: datetime) -> Outcome:
        where = f"<#{known.channel}>" if known.channel else f"#{known.name}, which is being made"
        return NotPossible(f"Incident #{incident.number} has a channel of its own: {where}.")

    return refuse


def name_of(incident: Incident) -> str:
    """A name that Slack takes: small letters, digits and dashes.

    >>> from datetime import datetime
    >>> from bot.domain.incident import IncidentStatus
    >>> from bot.domain.severity import Severity
    >>> at = datetime(2026, 3, 1)
    >>> name_of(Incident(id="", number=12, domain="", partition=0, status=IncidentStatus.TRIGGERED,
    ...     severity=Severity.HIGH, title="Küche: cart is *slow*", opened_at=at, active_at=at, changed_at=at))
    'inc-12-kuche-cart-is-slow'
    """
    plain = unicodedata.normalize("NFKD", incident.title).encode("ascii", "ignore").decode().lower()
    words = _OTHERS.sub("-", plain).strip("-")
    return f"{PREFIX}-{incident.number}-{words}"[: MOST_NAME - 4].strip("-")
