"""The shops: once the pool is there they ask at a steady rate, answered in time or not. ``load SOCKET``."""

import asyncio
import sys

import aiohttp

from bot.demo.lifeline import end_with_parent
from bot.demo.worker import JOB_CPU_SECONDS

# Of one core: little enough for one worker even on a machine with other work, too much for one beside the noisy
# neighbour. As jobs cost CPU time and not a number of steps, the same share is right on every machine.
UTILISATION = 0.15
_LOOK_SECONDS = 0.1


async def has_workers(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("http://forecast-api/stats") as answer:
            return bool((await answer.json())["workers"])
    except (aiohttp.ClientError, TimeoutError) as error:
        print(f"closed, the service starts: {error!r}", flush=True)
        return False


async def ask(session: aiohttp.ClientSession) -> None:
    try:
        async with session.post("http://forecast-api/forecast") as answer:
            await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        print(f"no answer: {error!r}", flush=True)


async def shop(path: str) -> None:
    loop, under_way = asyncio.get_running_loop(), set[asyncio.Task[None]]()
    connector, timeout = aiohttp.UnixConnector(path=path, limit=0), aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        while not await has_workers(session):
            await asyncio.sleep(_LOOK_SECONDS)
        due = loop.time()
        while True:
            task = loop.create_task(ask(session))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            due = max(due + JOB_CPU_SECONDS / UTILISATION, loop.time() - 1)
            await asyncio.sleep(due - loop.time())


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(shop(sys.argv[1]))
