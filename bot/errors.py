"""The errors that parts of the bot raise for other parts to handle."""

from collections.abc import Sequence
from typing import Any


class TandemError(Exception):
    """Root of every error that is ours."""


class ConfigError(TandemError):
    """The configuration cannot be used; the message says where and why, a line per problem."""


class InboxFull(TandemError):
    """The intake bound is reached: the sender must come again after ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"the intake is full; retry after {retry_after} s")
        self.retry_after = retry_after


class StorageUnavailable(TandemError):
    """The database did not take the write (disk full, server gone); nothing was acknowledged."""


class EventTooLarge(StorageUnavailable):
    """The inbox cannot keep one event of this size, now or later; nothing was acknowledged."""


class Unfit(TandemError):
    """A table cannot be taken; the message names the column, and the row where it is one row's fault."""


class TooLarge(TandemError):
    """A file is more than is taken at once when it is unpacked; the message says by what measure."""


class Conflict(TandemError):
    """Somebody else changed the same state first; load it again and decide anew."""


class Collision(Conflict, StorageUnavailable):
    """The database undid a transaction that met another one: begun anew, it is likely to succeed."""


class Unasked(Conflict):
    """Another system knows more of these alerts and was never asked: outside of the transaction it can be."""

    def __init__(self, alerts: Sequence[Any]) -> None:
        super().__init__("labels of alerts are to be looked up first")
        self.alerts = alerts


class LostLease(Conflict):
    """Another replica has taken over what this one was doing: nothing more is done or written here."""


class Refused(TandemError):
    """A person may not do this now; the message is written for that person."""


class Forbidden(Refused):
    """They have no right to do this."""


class NotFound(Refused):
    """What it is about is not known here, or not to them."""


class Outdated(Refused):
    """What it is about has changed since they looked at it."""


class PlanError(TandemError):
    """A runbook cannot be turned into a plan for this incident; the message says what is missing."""


class CallFailed(TandemError):
    """Nobody could be called now; it is to be tried again, after ``retry_after`` seconds where that is known.

    ``in_doubt``: it may have reached somebody all the same.
    """

    def __init__(self, reason: str, retry_after: float | None = None, *, in_doubt: bool = True) -> None:
        super().__init__(reason)
        self.retry_after, self.in_doubt = retry_after, in_doubt


class CallRefused(TandemError):
    """This call reaches nobody, now or later; the message says why."""
