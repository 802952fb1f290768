"""Somebody opens their page of the app. https://docs.slack.dev/reference/events/app_home_opened"""

from collections.abc import Mapping
from typing import Any

from bot.storage.queries.shown import homes
from handlers.slack.calls import Event
from handlers.slack.registry import event


def _is_the_page(fields: Mapping[str, Any]) -> bool:
    """Not the conversation with the app, which opens in the same place."""
    return fields.get("tab", "home") == "home" and bool(fields.get("user"))


@event("app_home_opened", _is_the_page)
async def opened(event: Event) -> None:
    async with event.database.write() as connection:
        await homes.ask(connection, event.user, event.now, page=1)
    event.endpoint.on_change()
