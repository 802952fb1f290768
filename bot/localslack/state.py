"""What the local workspace holds, in bounded memory."""

import asyncio
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any

MAX_MESSAGES = 5000
MAX_CALLS = 20_000
MAX_EPHEMERALS = 1000
TRIGGER_SECONDS = 3.0

Json = dict[str, Any]

TEAM = "T0LOCAL"
BOT_USER = "U0TANDEM"
BOT_ID = "B0TANDEM"
APP_ID = "A0TANDEM"
USERGROUP = "S0ONCALL"

DEFAULT_USERS: dict[str, str] = {"U012AB3CD": "ana", "U0BYSTAND": "ben", "U0SECOND1": "chen"}


def channel_id_of(name: str) -> str:
    return "C0" + "".join(character for character in name.upper() if character.isalnum())


def reacted(message: Json, name: str, user: str) -> bool:
    """Whether it is new that somebody reacts so."""
    reactions = message.setdefault("reactions", [])
    known = next((one for one in reactions if one["name"] == name), None)
    if known is None:
        reactions.append({"name": name, "users": [user], "count": 1})
        return True
    if user in known["users"]:
        return False
    known |= {"users": [*known["users"], user], "count": known["count"] + 1}
    return True


@dataclass
class Channel:
    """``messages`` and the replies in ``threads`` are Slack's message objects, the oldest first.

    ``is_member`` says whether the app was invited; one that is private the app does not see at all otherwise.
    ``members`` are who is in a channel that it made; in the others all are.
    ``person`` is with whom it is a conversation, empty for channels. ``is_ext_shared``: another organisation reads it.
    """

    id: str
    name: str
    is_member: bool = True
    person: str = ""
    is_private: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    creator: str = ""
    created: int = 0
    members: list[str] = field(default_factory=list)
    messages: list[Json] = field(default_factory=list)
    threads: dict[str, list[Json]] = field(default_factory=dict)

    def find(self, ts: str) -> Json | None:
        everywhere = (message for found in (self.messages, *self.threads.values()) for message in found)
        return next((message for message in everywhere if message["ts"] == ts), None)


@dataclass
class Workspace:
    """``guests`` are of the users those who are not full members, ``foreign`` those of another workspace, with its id.
    ``deactivated`` are people who have left. ``usergroups`` are who is in which, by the group's id; ``disabled`` are
    those of them that somebody has disabled. ``events`` are the kinds of events that the app is sent. ``panes`` are
    what stands around a thread of a conversation with the app; with ``agent_view`` suggestions belong to no thread.
    """

    users: dict[str, str]
    channels: dict[str, Channel]
    guests: set[str] = field(default_factory=set)
    deactivated: set[str] = field(default_factory=set)
    foreign: dict[str, str] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    usergroups: dict[str, list[str]] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    ephemerals: deque[Json] = field(default_factory=lambda: deque(maxlen=MAX_EPHEMERALS))
    views: dict[str, Json] = field(default_factory=dict)
    homes: dict[str, Json] = field(default_factory=dict)
    files: dict[str, Json] = field(default_factory=dict)
    panes: dict[tuple[str, str], Json] = field(default_factory=dict)
    agent_view: bool = False
    calls: deque[Json] = field(default_factory=lambda: deque(maxlen=MAX_CALLS))
    triggers: dict[str, tuple[str, float]] = field(default_factory=dict)
    response_urls: dict[str, Json] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    version: int = 0
    _last_ts: int = 0

    def team_of(self, user: str) -> str:
        return self.foreign.get(user, TEAM)

    def next_ts(self) -> str:
        """A message's name: its moment in microseconds, never twice."""
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def direct(self, user: str) -> Channel:
        """The conversation of the app with a person."""
        channel_id = f"D0{user[1:]}"
        return self.channels.setdefault(channel_id, Channel(channel_id, f"@{self.users[user]}", person=user))

    def channel(self, name: str) -> Channel | None:
        """A channel by id, or by name with or without ``#``; by the id of a person the conversation with them."""
        if name in self.users:
            return self.direct(name)
        wanted = name.lstrip("#")
        return self.channels.get(name) or next((c for c in self.channels.values() if c.name == wanted), None)

    def new_trigger(self, user: str) -> str:
        trigger = f"{uuid.uuid4().int % 10**12}.{uuid.uuid4().hex[:12]}"
        self.triggers = {t: v for t, v in self.triggers.items() if time.monotonic() - v[1] < TRIGGER_SECONDS}
        self.triggers[trigger] = (user, time.monotonic())
        return trigger

    def take_trigger(self, trigger: str) -> str | None:
        """Whose trigger it is, once and within three seconds."""
        user, made_at = self.triggers.pop(trigger, ("", 0.0))
        return user if user and time.monotonic() - made_at < TRIGGER_SECONDS else None

    def new_response_url(self, base: str, user: str, channel: str, ts: str | None) -> str:
        token = uuid.uuid4().hex
        while len(self.response_urls) >= 1000:
            del self.response_urls[next(iter(self.response_urls))]
        self.response_urls[token] = {"user": user, "channel": channel, "ts": ts, "left": 5}
        return f"{base}/_response/{token}"

    def add(self, channel: Channel, message: Json) -> None:
        thread = message.get("thread_ts")
        if thread:
            channel.threads.setdefault(thread, []).append(message)
            parent = next((m for m in channel.messages if m["ts"] == thread), None)
            if parent is not None:
                replies = channel.threads[thread]
                parent |= {"thread_ts": thread, "reply_count": len(replies), "latest_reply": replies[-1]["ts"]}
        else:
            channel.messages.append(message)
            for dropped in channel.messages[:-MAX_MESSAGES]:
                channel.threads.pop(dropped["ts"], None)
            del channel.messages[:-MAX_MESSAGES]

    async def touch(self) -> None:
        """Tell the pages that look on that something changed."""
        self.version += 1
        async with self.changed:
            self.changed.notify_all()
