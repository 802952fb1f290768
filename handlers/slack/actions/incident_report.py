"""“Report …” in the menu of an incident that is over: the form in which it is written, and then posted."""

from bot.errors import Refused
from bot.storage.queries import incidents
from handlers.slack.calls import Click, OpenForm
from handlers.slack.forms import metadata_of
from handlers.slack.forms.report import open_report
from handlers.slack.registry import action


@action("incident.report")
async def report(click: Click) -> OpenForm:
    """Who may write it is checked when the form comes back."""
    async with click.database.read() as connection:
        incident = await incidents.by_id(connection, click.value)
    if incident is None:
        raise Refused("This incident is not known here.")
    return await open_report(click, incident, metadata_of(click))
