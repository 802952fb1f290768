"""A rolling deploy on PostgreSQL: a release to come, with one more migration, beside today's and in its place."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from bot.localslack import LocalSlack
from tests.acceptance.harness import CHANNEL, Tandem, alert, until
from tests.acceptance.replicas import release_to_come
from tests.integration.cluster.test_schema import scripts_with_one_more


@pytest.fixture
async def both(empty_database: str, tmp_path: Path) -> AsyncIterator[tuple[Tandem, Tandem]]:
    """Today's release, started, and the one to come, which is not yet."""
    async with LocalSlack() as slack, AsyncExitStack() as stack:
        made = []
        for name in ("today", "to-come"):
            folder = tmp_path / name
            folder.mkdir()
            tandem = Tandem(folder, slack, {}, database_url=empty_database, environment={"TANDEM_REPLICA": name})
            made.append(tandem)
            stack.push_async_callback(tandem.kill)
        tandem.module = release_to_come.__name__
        tandem.environment["MIGRATIONS_TO_COME"] = str(scripts_with_one_more(tandem.folder / "migrations"))
        await made[0].start()
        yield made[0], made[1]


async def test_two_releases_work_side_by_side_and_the_older_one_starts_on_the_newer_schema(
    both: tuple[Tandem, Tandem], empty_database: str
) -> None:
    today, to_come = both
    clusters = [f"c{number}" for number in range(8)]
    await _deliver(today, clusters, "before")
    await to_come.start()
    assert _revision(empty_database) == "9001"
    await _deliver(today, clusters, "beside-1")
    await _deliver(to_come, clusters, "beside-2")
    assert await today.stop() == 0
    await _deliver(to_come, clusters, "alone")
    await today.start()  # a deploy that is taken back halfway
    assert "schema.newer" in today.log.read_text()
    assert await to_come.stop() == 0
    await _deliver(today, clusters, "back")

    expected = {
        (cluster, instance) for cluster in clusters for instance in ("before", "beside-1", "beside-2", "alone", "back")
    }

    async def worked_through() -> bool:
        return len(await _alerts(today)) >= len(expected)

    await until(worked_through, "all that was acknowledged is in incidents", 30)
    assert sorted(await _alerts(today)) == sorted(expected)
    incidents = {incident["id"] for incident in await today.incidents()}
    assert len(incidents) == len(clusters)

    async def all_shown() -> bool:
        return _shown(today).keys() == incidents

    await until(all_shown, "every incident has its message", 30)
    assert set(_shown(today).values()) == {1}


async def _deliver(tandem: Tandem, clusters: list[str], instance: str) -> None:
    """One alert to each domain: different partitions, so that both releases have work."""
    sent = [tandem.deliver(alert(cluster=cluster, instance=instance), groupKey=cluster) for cluster in clusters]
    assert set(await asyncio.gather(*sent)) == {202}


async def _alerts(tandem: Tandem) -> list[tuple[str, str]]:
    return [
        (found["labels"]["cluster"], found["labels"]["instance"])
        for incident in await tandem.incidents()
        for found in incident["alerts"]
    ]


def _shown(tandem: Tandem) -> Counter[str]:
    """How many messages each incident has."""
    messages = tandem.slack.messages(CHANNEL)
    return Counter(str(message["metadata"]["event_payload"]["incident_id"]) for message in messages)


def _revision(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert row is not None
    return str(row[0])
