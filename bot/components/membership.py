"""The share of the leases: taken once all that works under them is there, given to the other replicas first of all."""

from collections.abc import Awaitable, Callable
from functools import partial

from bot.components.component import Component
from bot.components.process import Process


def share_component(process: Process, recover: Callable[[str], Awaitable[None]]) -> Component:
    """Takes leases as they are free, and takes over what dead replicas left."""
    return Component("leases", run=partial(process.membership.take_share, recover))


def handover_component(process: Process) -> Component:
    """On stop, ends the work of every role and gives the leases to the other replicas."""
    return Component("handover", stop=process.membership.drain)
