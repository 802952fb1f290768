"""What a check is, and the registry that finds them. A new one is a file in ``bot/pipeline/checks``, found by itself:

@check("deploys")
async def deploys(case: Case) -> list[Checked]: ...

A check reads what is stored, a bounded part of it, in the transaction of the batch: so the same events bring the same
findings, also when they are replayed. It asks no other program.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.incident import Incident, Tally
from bot.domain.review.investigation import Checked
from bot.domain.rules import Rules
from bot.pipeline import checks as check_files
from detectors.topology import Topology

if TYPE_CHECKING:
    from bot.pipeline.causes.histories import Histories  # brings numpy


@dataclass(frozen=True)
class Case:
    """An incident that is looked into. ``suspects`` are its likely causes and its services, the likeliest first;
    ``below`` is what they depend on and that has no alert in it, the nearest first. ``beside`` are the services that
    were first seen in open incidents of the domain since shortly before it began: incident, service and when."""

    connection: AsyncConnection
    incident: Incident
    tallies: Sequence[Tally]
    alerts: Sequence[Alert]
    topology: Topology
    rules: Rules
    domains: Sequence[str]
    suspects: Sequence[str]
    below: Sequence[str]
    beside: Sequence[tuple[str, str, datetime]]
    histories: "Histories | None"
    now: datetime

    @property
    def began(self) -> datetime:
        """When the trouble began that it is open for."""
        return began(self.incident)


def began(incident: Incident) -> datetime:
    return min(incident.opened_at, incident.troubled_since)


Work = Callable[[Case], Awaitable[list[Checked]]]
_known: dict[str, Work] = {}


def check(name: str) -> Callable[[Work], Work]:
    """Register a check. Raises ValueError where the name is taken."""

    def register(work: Work) -> Work:
        if name in _known:
            raise ValueError(f"two checks are named {name!r}")
        _known[name] = work
        return work

    return register


@cache
def all_checks() -> Mapping[str, Work]:
    """Every check, by name."""
    for module in pkgutil.iter_modules(check_files.__path__, f"{check_files.__name__}."):
        importlib.import_module(module.name)
    return dict(sorted(_known.items()))
