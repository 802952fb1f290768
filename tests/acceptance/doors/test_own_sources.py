"""A source that tandem.yaml describes has a door."""

from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.harness import TOKEN, running

CONFIG = {"sources": {"cron": {"name": "title", "firing": "state != 'ok'", "id": "id", "service": "owner"}}}
JOB = {"id": 7, "title": "NightlyFailed", "state": "failed", "owner": "billing"}


async def test_what_it_sends_becomes_an_incident_and_its_end_resolves_it(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as tandem:
        status, answer = await tandem.post("/webhooks/cron", JOB)
        assert (status, answer) == (202, {"accepted": 1})
        await tandem.message("NightlyFailed on billing")
        await tandem.post("/webhooks/cron", {**JOB, "state": "ok"})
        await tandem.message("NightlyFailed on billing", "resolved")


async def test_whoever_can_set_no_header_shows_the_token_in_the_address(tmp_path: Path) -> None:
    empty = {"version": "4", "status": "firing", "alerts": []}
    async with running(tmp_path, CONFIG) as tandem, aiohttp.ClientSession(tandem.url) as session:

        async def answered(path: str, body: dict[str, Any]) -> int:
            async with session.post(path, json=body) as answer:
                return answer.status

        assert await answered(f"/webhooks/cron?token={TOKEN}", JOB) == 202
        assert await answered("/webhooks/cron?token=wrong", JOB) == 401
        assert await answered("/webhooks/cron", JOB) == 401
        assert await answered(f"/webhooks/alertmanager?token={TOKEN}", empty) == 401, "its sender can set headers"
