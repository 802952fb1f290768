"""What the app of deploy/slack-manifest.yaml may do, to what it subscribes, and what shortcuts it has: a wheel has no
manifest."""

from typing import NamedTuple

EVENT_SCOPES = {
    "app_mention": "app_mentions:read",
    "message.im": "im:history",
    "reaction_added": "reactions:read",
    "app_home_opened": "",
    "link_shared": "links:read",
    "assistant_thread_started": "",
    "assistant_thread_context_changed": "",
    "app_context_changed": "",
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
SCOPES = (
    "chat:write,files:write,channels:read,channels:history,groups:read,groups:history,commands,"
    "users:read,users:read.email,usergroups:read,im:write,im:history,app_mentions:read,reactions:read,"
    "channels:manage,links:read,links:write,assistant:write"
)
EVENTS = tuple(EVENT_SCOPES)
"""To which the app subscribes, as it is with `agent_view` and as it is with `assistant_view`."""
NEEDED = {
    "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.update": "chat:write",
    "chat.unfurl": "links:write",
    "assistant.threads.setStatus": "chat:write",
    "assistant.threads.setSuggestedPrompts": "assistant:write",
    "assistant.threads.setTitle": "assistant:write",
    "conversations.list": "channels:read",
    "conversations.info": "channels:read",
    "conversations.create": "channels:manage",
    "conversations.invite": "channels:manage",
    "conversations.archive": "channels:manage",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "users.info": "users:read",
    "users.list": "users:read",
    "users.lookupByEmail": "users:read.email",
    "conversations.open": "im:write",
    "bots.info": "users:read",
    "usergroups.list": "usergroups:read",
    "usergroups.users.list": "usergroups:read",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
}
"""The scope that a method needs."""
