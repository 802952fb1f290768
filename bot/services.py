"""Services: what the parts of one process share. Built once, by the composition root, and never changed afterwards."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.cluster.broadcast import Broadcast
from bot.cluster.leases import Leases, SoleLeases, role_lease
from bot.domain.event import Event
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database

if TYPE_CHECKING:
    from detectors.rootcause.history import History  # brings numpy

Clock = Callable[[], datetime]
LookUp = Callable[[Iterable[Event]], Awaitable[None]]
"""Asks other systems for labels of alerts, for a bounded time, so that the enrichment knows of them."""


def utc_now() -> datetime:
    return datetime.now(UTC)


async def nothing_to_look_up(_events: Iterable[Event]) -> None:
    """Where no other system is asked."""


@dataclass(frozen=True)
class Services:
    """The database, the inbox and what else every part may need; what only one part needs is given to it directly.

    ``histories`` are what watched metrics say of services, by name, in the partitions that this process works on.
    """

    database: Database
    inbox: Inbox
    rules: Rules
    clock: Clock
    leases: Leases = field(default_factory=SoleLeases)
    broadcast: Broadcast = field(default_factory=Broadcast)
    histories: dict[int, Mapping[str, "History"]] = field(default_factory=dict)
    look_up: LookUp = nothing_to_look_up

    def under(self, role: str) -> "Services":
        """The same, for work of a role: writes raise LostLease once this replica does not hold the role any more."""
        return replace(self, database=self.leases.fenced(self.database, role_lease(role)))

    def holds(self, role: str) -> bool:
        """Whether this replica holds the role at this moment."""
        return self.leases.holds(role_lease(role))
