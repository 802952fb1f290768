"""“Assign, roles, severity, note …” in an incident's menu: a form for them all."""

from bot.errors import Refused
from bot.storage.queries import incidents
from handlers.slack.calls import Click, OpenForm
from handlers.slack.forms import metadata_of
from handlers.slack.forms.lead import lead_view
from handlers.slack.registry import action


@action("incident.lead")
async def lead(click: Click) -> OpenForm:
    """Who may do what is checked when the form comes back."""
    async with click.database.read() as connection:
        incident = await incidents.by_id(connection, click.value)
    if incident is None:
        raise Refused("This incident is not known here.")
    return OpenForm(lead_view(metadata_of(click), incident))
