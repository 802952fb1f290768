"""Whoever talks with the bot looks at something else meanwhile, in an app with ``agent_view``.

https://docs.slack.dev/reference/events/app_context_changed
"""

from bot.storage.queries.shown.panes import EVERYWHERE
from handlers.slack.calls import Event
from handlers.slack.panes.viewing import home_of, in_entities, looks_at
from handlers.slack.registry import event


@event("app_context_changed")
async def changed(event: Event) -> None:
    await looks_at(event, str(event.about.get("channel") or ""), EVERYWHERE, in_entities(event.about, home_of(event)))
