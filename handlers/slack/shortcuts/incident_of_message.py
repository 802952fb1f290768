"""“Make an incident of this”, in a message's menu."""

from handlers.slack.calls import OpenForm, Shortcut
from handlers.slack.forms.open import open_view
from handlers.slack.registry import shortcut


@shortcut("incident.of_message")
async def open_of_message(shortcut: Shortcut) -> OpenForm:
    return OpenForm(open_view(message=shortcut.message))
