"""The actions that are known. A new one is a function in a file of this folder, found by itself:

@patching("restart", DEPLOYMENTS, STATEFUL_SETS)
async def restart(cluster: Cluster, order: Order, now: dict[str, Any]) -> Patch: ...
"""

import asyncio
import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from functools import cache
from typing import NamedTuple

from bot.kubernetes.actions.order import Order
from bot.kubernetes.cluster import Cluster
from bot.kubernetes.errors import ClusterFailure
from bot.kubernetes.resources import Resource

Perform = Callable[[Cluster, Order], Awaitable[str]]
"""What was done, in words. Raises Unfit, ClusterFailure, ClusterRefused."""


class Action(NamedTuple):
    """``preview`` says what it would change, by the server's dry run, and changes nothing."""

    kinds: tuple[Resource, ...]
    preview: Perform
    perform: Perform


_ATTEMPTS = 4
_known: dict[str, Action] = {}


def register(name: str, action: Action) -> None:
    _known[name] = action


@cache
def _all() -> dict[str, Action]:
    package = importlib.import_module("bot.kubernetes.actions")
    for module in pkgutil.iter_modules(package.__path__, "bot.kubernetes.actions."):
        importlib.import_module(module.name)
    return _known


def actions() -> list[str]:
    return sorted(_all())


def kinds_of(action: str) -> list[str]:
    """The kinds of objects that an action is for."""
    return [kind.name for kind in _all()[action].kinds]


async def preview(cluster: Cluster, order: Order) -> str:
    """What the action would change. Raises Unfit, ClusterFailure, ClusterRefused."""
    return await _all()[order.action].preview(cluster, order)


async def perform(cluster: Cluster, order: Order) -> str:
    """Do it, once however often it is repeated: also where the server failed to answer, which is why it is tried again.

    Raises Unfit, ClusterFailure, ClusterRefused.
    """
    for attempt in range(_ATTEMPTS - 1):
        try:
            return await _all()[order.action].perform(cluster, order)
        except ClusterFailure as failure:
            await asyncio.sleep(2.0**attempt if failure.retry_after is None else failure.retry_after)
    return await _all()[order.action].perform(cluster, order)
