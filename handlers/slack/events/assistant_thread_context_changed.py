"""Whoever talks with the bot at the side goes to another channel, in an app with ``assistant_view``.

https://docs.slack.dev/reference/events/assistant_thread_context_changed
"""

from handlers.slack.calls import Event
from handlers.slack.panes.viewing import home_of, in_assistant_thread, looks_at
from handlers.slack.registry import event


@event("assistant_thread_context_changed")
async def changed(event: Event) -> None:
    await looks_at(event, *in_assistant_thread(event.about, home_of(event)))
