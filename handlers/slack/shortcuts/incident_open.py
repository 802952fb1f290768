"""“Open an incident”, from anywhere."""

from handlers.slack.calls import OpenForm, Shortcut
from handlers.slack.forms.open import open_view
from handlers.slack.registry import shortcut


@shortcut("incident.open")
async def open_incident(shortcut: Shortcut) -> OpenForm:
    return OpenForm(open_view())
