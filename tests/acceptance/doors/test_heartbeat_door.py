"""The door where heartbeats report."""

from pathlib import Path

import aiohttp

from tests.acceptance.harness import TOKEN, running

CONFIG = {"heartbeats": {"backup": {"every": "1h", "service": "backup"}}}


async def test_a_ping_is_taken_by_any_method_with_the_token_in_header_or_address(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as tandem, aiohttp.ClientSession(tandem.url) as session:

        async def answered(method: str, path: str, **headers: str) -> int:
            async with session.request(method, path, headers=headers) as answer:
                return answer.status

        assert await answered("GET", f"/heartbeats/backup?token={TOKEN}") == 202
        assert await answered("HEAD", f"/heartbeats/backup?token={TOKEN}") == 202
        assert await answered("POST", "/heartbeats/backup", Authorization=f"Bearer {TOKEN}") == 202
        assert await answered("GET", "/heartbeats/backup") == 401
        assert await answered("GET", f"/heartbeats/bakup?token={TOKEN}") == 404
        assert await answered("DELETE", f"/heartbeats/backup?token={TOKEN}") == 405
        assert tandem.slack.messages("incidents") == []
        assert await answered("POST", f"/heartbeats/backup/fail?token={TOKEN}") == 202
        await tandem.message("HeartbeatFailed on backup")
