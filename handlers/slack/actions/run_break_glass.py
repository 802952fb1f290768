"""“Break the glass” on an offer that a freeze window holds up: a form that asks why."""

from handlers.slack.calls import Click, OpenForm
from handlers.slack.forms.glass import glass_view
from handlers.slack.registry import action


@action("run.break_glass")
async def break_glass(click: Click) -> OpenForm:
    return OpenForm(glass_view(click))
