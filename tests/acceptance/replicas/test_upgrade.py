"""Today's bot on what an older release left behind; what that was is told in tests/fixtures/schema_0010/make.py."""

import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from sqlalchemy import make_url

from bot.localslack import LocalSlack
from bot.storage.database import open_database
from bot.storage.queries import audit
from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, alert, until

LEFT = Path(__file__).parents[2] / "fixtures" / "schema_0010"
FOR_EVER = "36500d"


def _read(name: str) -> Any:
    return json.loads((LEFT / name).read_text(encoding="utf-8"))


@pytest.fixture(params=["sqlite", "postgresql"])
def left_behind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database that the older release filled."""
    if request.param == "sqlite":
        for name in ("tandem", "tandem.inbox", "tandem.workflows"):
            with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
                connection.executescript((LEFT / f"{name}.sql").read_text(encoding="utf-8"))
        yield f"sqlite:///{tmp_path}/tandem.db"
        return
    url = str(request.getfixturevalue("empty_database"))
    with psycopg.connect(url) as connection:
        connection.execute((LEFT / "postgresql.sql").read_bytes())
    yield url


@asynccontextmanager
async def _upgraded(folder: Path, url: str, kept: str = FOR_EVER) -> AsyncIterator[Tandem]:
    """A bot of today, and a Slack that holds what the older one said."""
    said = _read(f"slack-{make_url(url).get_backend_name()}.json")
    config = _read("config.json") | {"retention": {"events": kept, "incidents": kept, "audit": kept}}
    async with LocalSlack() as slack:
        channel = slack._workspace.channel(CHANNEL)
        assert channel is not None
        channel.messages.extend(said["messages"])
        channel.threads.update(said["replies"])
        archive = {"TANDEM_ARCHIVE": str(folder / "archive")}
        tandem = Tandem(folder, slack, config, database_url=url, environment=archive)
        try:
            await tandem.start()
            yield tandem
        finally:
            await tandem.kill()


async def test_an_upgrade_loses_nothing_and_what_was_under_way_goes_on(left_behind: str, tmp_path: Path) -> None:
    async with _upgraded(tmp_path, left_behind) as tandem:
        before = tandem.slack.messages(CHANNEL)
        assert len(before) == 4
        await tandem.message("acknowledged-last")
        incidents = {incident["number"]: incident for incident in await tandem.incidents()}
        assert {number: (one["status"], one["services"]) for number, one in incidents.items()} == {
            1: ("resolved", ["payments"]),
            2: ("acknowledged", ["search"]),
            3: ("triggered", ["checkout"]),
            4: ("triggered", ["mail"]),
            5: ("triggered", ["acknowledged-last"]),
        }
        assert [run["status"] for number in (1, 3) for run in incidents[number]["runs"]] == ["succeeded", "proposed"]
        assert len(incidents[4]["alerts"]) == 2

        [offer] = [message for message in before if "run.approve" in json.dumps(message)]
        await tandem.slack.click(ON_CALL, CHANNEL, offer["ts"], "run.approve")
        await tandem.message("verifying", "checkout")
        for fields in ({"service": "checkout"}, {"service": "search"}):
            assert await tandem.deliver(alert("resolved", **fields), groupKey=fields["service"][0]) == 202
        for service in ("hushed", "mail"):  # what is silenced or known brings nothing new
            instance = {"instance": "a"} if service == "mail" else {}
            assert await tandem.deliver(alert(service=service, **instance), groupKey=service[0]) == 202
        ended = await tandem.message("succeeded", "checkout", f"approved by <@{ON_CALL}>", seconds=20)
        assert ended["ts"] == offer["ts"]
        await until(_resolved(tandem, 2), "the acknowledged incident is resolved")
        assert [message["ts"] for message in tandem.slack.messages(CHANNEL)][:4] == [one["ts"] for one in before]
        assert (len(await tandem.incidents()), len(tandem.slack.messages(CHANNEL))) == (5, 5)
        assert "restarted" in json.dumps(await tandem.get(f"/api/incidents/{incidents[3]['id']}"))
        assert await tandem.stop() == 0
    actions = await _audited(left_behind)
    assert actions.count("run.approve") == 2
    assert "silence.add" in actions


def _resolved(tandem: Tandem, number: int) -> Any:
    async def holds() -> bool:
        return any(one["number"] == number and one["status"] == "resolved" for one in await tandem.incidents())

    return holds


async def test_what_is_over_for_long_goes_to_the_archive_and_the_rest_stays(left_behind: str, tmp_path: Path) -> None:
    async with _upgraded(tmp_path, left_behind, kept="1d") as tandem:

        async def gone() -> bool:
            return {incident["number"] for incident in await tandem.incidents()} == {2, 3, 4, 5}

        await until(gone, "the resolved incident is deleted", 20)
        await until(_archived(tmp_path / "archive", "events", 9), "what was worked through is archived", 20)
        await until(_archived(tmp_path / "archive", "runs", 1), "the run is archived")
        assert await tandem.stop() == 0
    if left_behind.startswith("sqlite"):
        with closing(sqlite3.connect(tmp_path / "tandem.workflows.db")) as connection:
            assert connection.execute("SELECT count(*) FROM workflow_status").fetchone() == (0,)
    await _audited(left_behind)


def _archived(folder: Path, kind: str, rows: int) -> Any:
    async def holds() -> bool:
        files = list((folder / kind).rglob("*.parquet"))
        return sum(int(pq.read_metadata(file).num_rows) for file in files) == rows

    return holds


async def _audited(url: str) -> list[str]:
    """What was done, by a log that is whole."""
    database = open_database(url)
    async with database.read() as connection:
        assert await audit.first_broken(connection) is None
        actions = [row["action"] for row in await audit.entries(connection)]
    await database.close()
    return actions
