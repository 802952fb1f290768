"""Merge in an incident's menu: a form with the other open incidents."""

from bot.errors import Refused
from bot.incidents import permissions
from bot.incidents.permissions import Action
from bot.storage.queries import incidents
from bot.storage.queries.listed import opened as opened_incidents
from handlers.slack.calls import Click, OpenForm
from handlers.slack.forms.merge import MOST, merge_view
from handlers.slack.registry import action


@action("incident.merge")
async def merge(click: Click) -> OpenForm:
    async with click.database.read() as connection:
        incident = await incidents.by_id(connection, click.value)
        domain = incident.domain if incident else None
        opened = await opened_incidents.find(connection, "", MOST + 2, domain)
    if incident is None or not incident.open:
        raise Refused("This incident is over: its grouping stays as it is.")
    permissions.require(click.who, Action.MERGE, incident)
    others = [one for one in opened if one.id != incident.id]
    if not others:
        raise Refused(f"No other incident is open that #{incident.number} could become part of.")
    return OpenForm(merge_view(click.channel, incident, others))
