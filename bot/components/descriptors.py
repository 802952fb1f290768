"""What the process takes of the machine: file descriptors, as many as the system allows, with room left for files and a
word when they run out; and memory, of which what is free is given back."""

import asyncio
import errno
import os
import resource
import time

import structlog

from bot.components.component import Component
from bot.config import Environment
from bot.observability.heap import Heap
from bot.observability.metrics import DESCRIPTORS_EXHAUSTED
from handlers.http.connections import Connections

MOST = 2**16
OWN = 256
"""For databases, tools, Slack and programs that are started."""
_EVERY = 1.0
_LOG_EVERY = 60.0

log = structlog.get_logger(__name__)


def raised_limit() -> int:
    """How many descriptors the process may have, which is raised to what the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:
            log.warning("descriptors.not_raised", limit=soft, reason=str(error))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else soft


def connections_of(environment: Environment) -> Connections:
    """The bounds of the settings, or what the descriptors allow: an address never has all of them."""
    limit = raised_limit()
    most = min(environment.most_connections, max(limit - OWN, limit // 2))
    if most < environment.most_connections:
        log.warning("descriptors.few", limit=limit, connections=most, wanted=environment.most_connections)
    return Connections(most, min(environment.most_connections_of_an_address, most // 2))


def descriptors_component() -> Component:
    return Component("descriptors", run=_watch)


def heap_component(heap: Heap) -> Component:
    return Component("heap", run=heap.run)


async def _watch() -> None:
    """Say when nothing can be opened any more: a server that cannot accept a connection says nothing by itself."""
    logged_at = float("-inf")
    while True:
        exhausted = _exhausted()
        DESCRIPTORS_EXHAUSTED.set(exhausted is not None)
        if exhausted and time.monotonic() >= logged_at + _LOG_EVERY:
            logged_at = time.monotonic()
            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            advice = "raise the limit of open files (ulimit -n, LimitNOFILE=)"
            log.error("descriptors.exhausted", reason=exhausted, limit=limit, advice=advice)
        await asyncio.sleep(_EVERY)


def _exhausted() -> str | None:
    """Why nothing can be opened now; None where something can."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.strerror if error.errno in (errno.EMFILE, errno.ENFILE) else None
    return None
