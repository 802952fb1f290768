"""The dead man's switch: an outside service is pinged while Tandem processes, and raises the alarm when that stops."""

import asyncio
from collections.abc import Mapping

import aiohttp
import structlog

from bot.health.self_check import SelfCheck
from bot.observability.metrics import DEADMAN_PINGS

_TIMEOUT = aiohttp.ClientTimeout(total=10)

log = structlog.get_logger(__name__)


async def ping_while_healthy(url: str, every: float, check: SelfCheck) -> None:
    """Ask for an address every so many seconds, for as long as nothing is wrong, until cancelled.

    A GET, as Healthchecks, Cronitor, Dead Man's Snitch, Better Stack and Uptime Kuma take it. The address is a secret:
    who knows it can ping as well.
    """
    async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True) as session:
        while True:
            await check.probe()
            DEADMAN_PINGS.labels(await _ping(session, url, check.problems())).inc()
            await asyncio.sleep(every)


async def _ping(session: aiohttp.ClientSession, url: str, wrong: Mapping[str, str]) -> str:
    if wrong:
        log.warning("deadman.withheld", reasons=list(wrong.values()))
        return "withheld"
    try:
        async with session.get(url) as answer:
            if answer.ok:
                return "sent"
            reason = f"it answers with status {answer.status}"
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        reason = type(error).__name__  # its words may hold the address
    log.warning("deadman.not_pinged", reason=reason)
    return "failed"
