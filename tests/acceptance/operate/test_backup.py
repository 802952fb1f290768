"""What docs/operations.md says of backups is done as it stands there, beneath a bot that works."""

import asyncio
import os
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.acceptance.harness import CHANNEL, Tandem, alert, running, until

ROOT = Path(__file__).parents[3]


async def _as_the_docs_say(block: str, **folders: Path) -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- tried: {block} -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None
    environment = {**os.environ, **{name: str(folder) for name, folder in folders.items()}}
    shell = await asyncio.create_subprocess_exec("sh", "-euc", found[1], cwd=ROOT, env=environment)
    assert await shell.wait() == 0


async def _load(tandem: Tandem, acknowledged: set[str]) -> None:
    """Deliveries one after another until cancelled."""
    while True:
        instance = f"i{len(acknowledged)}"
        assert await tandem.deliver(alert(service="load", instance=instance), groupKey="") == 202
        acknowledged.add(instance)


async def _known(tandem: Tandem) -> set[str]:
    return {
        found["labels"]["instance"]
        for incident in await tandem.incidents()
        for found in incident["alerts"]
        if found["service"] == "load"
    }


async def test_a_backup_beneath_load_restores_all_that_was_acknowledged_before_it(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    async with running(tmp_path, {}, database_url=f"sqlite:///{data}/tandem.db") as tandem:
        assert await tandem.deliver(alert(service="checkout")) == 202
        await tandem.message("checkout")
        acknowledged: set[str] = set()
        load = asyncio.create_task(_load(tandem, acknowledged))
        await until(_at_least(acknowledged, 20), "there is some load")
        before = set(acknowledged)
        await _as_the_docs_say("backup", DATA=data, BACKUP=backup)
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
        assert await tandem.deliver(alert(service="later", alertname="Later")) == 202
        await tandem.kill()  # its -wal files stay: the worst that a restore can meet
        (data / "tandem.db").write_bytes(b"a disk that went bad")

        await _as_the_docs_say("restore", DATA=data, BACKUP=backup)
        await tandem.start()
        await until(_holds(tandem, before), "what the backup held is worked through")
        assert "later" not in {service for incident in await tandem.incidents() for service in incident["services"]}
        assert await tandem.deliver(alert(service="after", alertname="After")) == 202
        await tandem.message("After")
        shown = [message["metadata"]["event_payload"]["incident_id"] for message in tandem.slack.messages(CHANNEL)]
        for incident in await tandem.incidents():
            assert shown.count(incident["id"]) == 1, "a message from before the backup is the incident's still"


def _at_least(acknowledged: set[str], count: int) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return len(acknowledged) >= count

    return holds


def _holds(tandem: Tandem, expected: set[str]) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return expected <= await _known(tandem)

    return holds


async def test_a_backup_does_not_write_over_another(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    (backup / "tandem.db").write_text("yesterday's")
    python = shutil.which("python3") or "python3"
    shell = await asyncio.create_subprocess_exec(
        python, str(ROOT / "deploy" / "backup_sqlite.py"), str(tmp_path), str(backup), stderr=asyncio.subprocess.DEVNULL
    )
    assert await shell.wait() == 1
    assert (backup / "tandem.db").read_text() == "yesterday's"
