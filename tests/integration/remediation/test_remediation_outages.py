"""PostgreSQL goes away under a run: the process stays, and the run goes on where it was when PostgreSQL is back."""

from pathlib import Path

from bot.domain.run import RunStatus
from bot.storage.database import open_database
from tests.acceptance.postgresql_server import NAME, postgresql_server
from tests.integration.remediation.remediation_replica import fleet


async def test_a_run_outlives_a_restart_and_a_refusal_of_its_database_and_repeats_nothing(tmp_path: Path) -> None:
    async with postgresql_server() as server:
        url = f"postgresql://postgres@/{NAME}?host={server.socket.parent}"
        database = open_database(url)
        await database.migrate()
        await database.close()
        async with fleet(url, tmp_path) as one:
            replica = await one.start("first")
            waiting = "echo {0} >> marks; until test -e {0}; do sleep 0.05; done"
            await one.approve("run", [one.shell(waiting.format(name)) for name in ("restarted", "refused", "last")])
            await one.until_marked("marks", 1)
            await server.crash_and_restart()
            (tmp_path / "restarted").touch()
            await one.until_marked("marks", 2)
            await server.refuse_connections(True)
            (tmp_path / "refused").touch()
            await replica.says("remediation.retry")
            await server.refuse_connections(False)
            await one.approve("next", [])
            (tmp_path / "last").touch()
            await one.ended("run", RunStatus.SUCCEEDED)
            await one.ended("next", RunStatus.SUCCEEDED)
            assert one.marks("marks") == ["restarted", "refused", "last"]
            steps = ["run.step.started", "run.step.succeeded"] * 3
            assert await one.audited("run") == ["run.running", *steps, "run.verifying", "run.succeeded"]
            assert await replica.leave() == 0
