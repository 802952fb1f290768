"""To what the app of deploy/slack-manifest.yaml subscribes, and what shortcuts it has: a wheel has no manifest."""

from typing import NamedTuple

EVENT_SCOPES = {
    "app_mention": "app_mentions:read",
    "message.im": "im:history",
    "reaction_added": "reactions:read",
    "app_home_opened": "",
    "link_shared": "links:read",
}
"""The kinds of events that there are, each with the scope that an app needs for it.

https://docs.slack.dev/reference/events
"""


class OwnShortcut(NamedTuple):
    """``type`` is ``global`` or ``message``."""

    callback_id: str
    name: str
    type: str


SHORTCUTS = (
    OwnShortcut("incident.open", "Open an incident", "global"),
    OwnShortcut("incident.of_message", "Make an incident of this", "message"),
    OwnShortcut("incident.note_of_message", "Add to the timeline", "message"),
)
UNFURL_DOMAINS = ("127.0.0.1", "localhost")
"""Links to these hosts are reported to the app: here it runs on the same machine."""
