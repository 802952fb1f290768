"""The shops: ask for forecasts at a steady rate, whether or not they are answered in time."""

import argparse
import asyncio
from contextlib import suppress

import aiohttp

from bot.demo.worker import JOB_CPU_SECONDS

# Of one core: what one worker does easily, and what it cannot do beside the noisy neighbour.
UTILISATION = 0.4


async def shop(port: int) -> None:
    url = f"http://127.0.0.1:{port}/forecast"
    timeout = aiohttp.ClientTimeout(total=10)
    under_way: set[asyncio.Task[None]] = set()
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def ask() -> None:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.post(url) as answer:
                    await answer.read()

        while True:
            task = asyncio.create_task(ask())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            await asyncio.sleep(JOB_CPU_SECONDS / UTILISATION)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(shop(parser.parse_args().port))
