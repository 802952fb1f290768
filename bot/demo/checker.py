"""The monitoring tools: each checks the service every second and posts to the webhook. ``checker SOCKET``.

Address and token of the webhook come from the environment: other users of the machine can read command lines.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime
from typing import Any

import aiohttp

from bot.demo.lifeline import end_with_parent
from bot.demo.tools import Stats, Tool, tools

URL, TOKEN = "TANDEM_DEMO_WEBHOOK_URL", "TANDEM_DEMO_WEBHOOK_TOKEN"
_EVERY_SECONDS = 1.0
_TIMEOUT = aiohttp.ClientTimeout(total=5)


async def look(service: aiohttp.ClientSession) -> Stats | None:
    try:
        async with service.get("http://forecast-api/stats") as answer:
            answer.raise_for_status()
            return dict(await answer.json())
    except (aiohttp.ClientError, TimeoutError) as error:
        print(f"no stats, will look again: {error!r}", flush=True)
        return None


async def post(webhook: aiohttp.ClientSession, url: str, delivery: dict[str, Any]) -> bool:
    try:
        async with webhook.post(url, json=delivery) as answer:
            answer.raise_for_status()
            return True
    except (aiohttp.ClientError, TimeoutError) as error:
        print(f"not delivered, will be sent again: {error!r}", flush=True)
        return False


async def watch(tool: Tool, service: aiohttp.ClientSession, webhook: aiohttp.ClientSession, url: str) -> None:
    while True:
        stats, now = await look(service), datetime.now(UTC)
        if stats:
            tool.check(stats, now)
        if tool.due(now):
            tool.record_delivery(await post(webhook, url, tool.delivery()), datetime.now(UTC))
        await asyncio.sleep(_EVERY_SECONDS)


async def check(path: str, url: str, token: str) -> None:
    bearer = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=path), timeout=_TIMEOUT) as service,
        aiohttp.ClientSession(headers=bearer, timeout=_TIMEOUT) as webhook,
        asyncio.TaskGroup() as group,
    ):
        for tool in tools():
            group.create_task(watch(tool, service, webhook, url))


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(check(sys.argv[1], os.environ[URL], os.environ[TOKEN]))
