"""The port: what any channel can do, in terms that belong to no tool. :mod:`bot.notify.slack` is one implementation.

A channel gets content as data (:mod:`bot.notify.card`) and decides itself how that looks. Every failure is one of the
errors below, so that whoever calls need not know which tool it talks to.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from bot.errors import TandemError
from bot.notify.card import Content, ThreadUpdate
from bot.notify.findings.findings_card import FindingsCard
from bot.notify.paging.page_card import PageCard


class ChannelFailure(TandemError):
    """The channel did not do it now; it may later. ``retry_after`` is in seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ChannelRefusal(ChannelFailure):
    """The channel refuses until a person changes a token, a permission or the channel."""


Reply = ThreadUpdate | PageCard | FindingsCard
"""What may stand in the thread of a message."""
Call = Literal["key", "open", "post", "update", "delete", "find", "find_reply", "upload", "share", "address"]
"""The kinds of calls that a channel may limit apart from each other; a reply is a ``post``."""


class RateLimited(ChannelFailure):
    """The channel takes no call of this kind for ``wait`` seconds; calls of other kinds go on."""

    def __init__(self, reason: str, wait: float, call: Call) -> None:
        super().__init__(reason, wait)
        self.wait, self.call = wait, call


class MessageRefused(TandemError):
    """The channel refuses this one call, for a reason that says nothing about any other message."""


class ContentRefused(TandemError):
    """The channel will never take this content."""


class MessageGone(TandemError):
    """The message that was to be changed is no longer there, or can no longer be changed."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a message is about, stored with it and unseen by people, so that it can be found again."""

    kind: str
    facts: dict[str, str | int | bool]


def incident_mark(incident_id: str) -> Mark:
    return Mark("incident", {"incident_id": incident_id})


def thread_mark(incident_id: str, position: int) -> Mark:
    """``position`` is that of the last timeline entry in the reply."""
    return Mark("thread", {"incident_id": incident_id, "position": position})


def findings_mark(incident_id: str) -> Mark:
    return Mark("findings", {"incident_id": incident_id})


def trouble_mark(over: bool) -> Mark:
    return Mark("trouble", {"over": over})


def refusal_mark(source: str) -> Mark:
    return Mark("refusal", {"source": source})


def silence_mark(notice: int) -> Mark:
    return Mark("silence", {"notice": notice})


def digest_mark(since: datetime) -> Mark:
    return Mark("digest", {"since": since.isoformat()})


def quiet_mark(until: datetime) -> Mark:
    """Of the digest at the end of quiet hours."""
    return Mark("quiet", {"until": until.isoformat()})


def page_mark(key: str) -> Mark:
    """``key`` is that of the call."""
    return Mark("page", {"call": key})


class Posted(NamedTuple):
    """A message in a channel. ``id`` means something to its channel only."""

    id: str
    at: datetime


class Channel(Protocol):
    """One place where people read messages. Each method is one logical call.

    All raise ChannelFailure, ChannelRefusal, RateLimited, and LostLease where another replica speaks to the channel
    by now. What is about one message also raises MessageRefused.
    """

    @property
    def name(self) -> str:
        """As it stands in the configuration."""
        ...

    async def key(self) -> str:
        """What messages of this channel are stored under: it stays when the channel is renamed."""
        ...

    async def post(self, content: Content | PageCard, mark: Mark, *, plain: bool = False) -> Posted:
        """Post a message; ``plain`` in its simplest form, for content that was refused. Raises ContentRefused."""
        ...

    async def address(self, message: str, channel: str = "") -> str:
        """Where a browser shows a message of ours; empty where it has no address.

        ``channel`` is the key of the channel where that is another one of the same tool.
        """
        ...

    async def update(self, message: str, content: Content, mark: Mark, *, plain: bool = False) -> None:
        """Edit a message in place. Raises ContentRefused, MessageGone."""
        ...

    async def reply(self, message: str, update: Reply, mark: Mark, *, plain: bool = False) -> Posted:
        """Post in the thread of a message. Raises ContentRefused, MessageGone."""
        ...

    def find(self, mark: Mark, since: datetime | None = None, thread: str | None = None) -> AsyncIterator[Posted]:
        """Our own messages with this mark, or the replies in a thread; those posted since a moment."""
        ...

    async def delete(self, message: str) -> None:
        """Delete a message of our own. Raises MessageGone."""
        ...

    async def upload(self, name: str, content: bytes, description: str) -> str:
        """Transfer a file that nobody sees yet; returns its id. Raises ContentRefused."""
        ...

    async def share(self, file: str, title: str, thread: str) -> None:
        """Show an uploaded file in a thread. Raises ContentRefused, MessageGone."""
        ...
