"""Somebody opens their page of the app, or the conversation with it, which is beside the page.

https://docs.slack.dev/reference/events/app_home_opened
"""

from collections.abc import Mapping
from typing import Any

from bot.storage.queries.shown import homes
from bot.storage.queries.shown.panes import EVERYWHERE
from handlers.slack.calls import Event
from handlers.slack.panes.viewing import home_of, in_entities, looks_at
from handlers.slack.registry import event

_HOME, _MESSAGES = "home", "messages"


def _is_of_ours(fields: Mapping[str, Any]) -> bool:
    return fields.get("tab", _HOME) in (_HOME, _MESSAGES) and bool(fields.get("user"))


@event("app_home_opened", _is_of_ours)
async def opened(event: Event) -> None:
    if event.about.get("tab") == _MESSAGES:
        channel = str(event.about.get("channel") or "")
        await looks_at(event, channel, EVERYWHERE, in_entities(event.about, home_of(event)))
        return
    async with event.database.write() as connection:
        await homes.ask(connection, event.user, event.now, page=1)
    event.endpoint.on_change()
