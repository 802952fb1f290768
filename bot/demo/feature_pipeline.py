"""The pipeline of the weather features, and the model that uses them. ``feature_pipeline FILE``.

The file names the release that is to run. Predictions are logged to Tandem, and each new release is posted as a change.
"""

import asyncio
import itertools
import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from bot.demo.checker import TOKEN
from bot.demo.features import DATASET, GOOD, MODEL, prediction_rows
from bot.demo.lifeline import end_with_parent

URL = "TANDEM_DEMO_URL"
ROWS = 200
EVERY_SECONDS = 0.5
_RETRY_SECONDS = 0.5


def released(file: Path) -> str:
    return file.read_text().strip()


async def post(tandem: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> None:
    """Until it is taken."""
    while True:
        try:
            async with tandem.post(path, json=body) as answer:
                answer.raise_for_status()
                return
        except (aiohttp.ClientError, TimeoutError) as error:
            print(f"not delivered, will be sent again: {error!r}", flush=True)
            await asyncio.sleep(_RETRY_SECONDS)


async def tell_of(release: str, tandem: aiohttp.ClientSession) -> None:
    change = {
        "service": DATASET,
        "kind": "data",
        "title": f"{DATASET} {release}",
        "version": release,
        "at": datetime.now(UTC).isoformat(),
    }
    await post(tandem, "/webhooks/changes", change)


async def feed(release_file: Path, url: str, token: str) -> None:
    running, chance, loop = GOOD, random.Random(7), asyncio.get_running_loop()
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {token}"}, timeout=timeout) as tandem:
        for number in itertools.count():
            due = loop.time() + EVERY_SECONDS
            if (release := released(release_file)) != running:
                running = release
                await tell_of(running, tandem)
            rows = prediction_rows(running, number * ROWS, ROWS, datetime.now(UTC), chance)
            await post(tandem, f"/models/{MODEL}/predictions", {"rows": rows})
            await asyncio.sleep(due - loop.time())


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(feed(Path(sys.argv[1]), os.environ[URL], os.environ[TOKEN]))
