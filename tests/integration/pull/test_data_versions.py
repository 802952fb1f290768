"""Versions of data are read where the tools keep them, and stand beside what they explain."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.domain.event import LineageEvent
from bot.domain.lineage.observed import Dataset, Version
from bot.domain.watched.data import DataSource, DataVersion
from bot.domain.watched.pull import PullSection, ReferenceSection
from bot.inbox.inbox import Inbox
from bot.integrations.data_versions.files import iceberg_metadata
from bot.integrations.data_versions.reading import versions_of
from bot.integrations.http import ToolFailure
from bot.integrations.pull.lake import LakeTable, tables_of
from bot.integrations.pull.pulling import Pull
from bot.integrations.pull.reference import ReferencePull
from bot.integrations.pull.warehouse import Query, open_warehouse
from bot.integrations.rows import RowsIntake
from bot.model_store import pulls, references
from bot.model_store.frames import open_frames
from bot.pipeline.causes.lineage import in_words
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pull.test_pull import RULES

MADE = Path(__file__).with_name("made_by_tools")
"""By deltalake 1.6.6, pyiceberg 0.12.0, DVC 3.67.1 and MLflow 3.17.2."""
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MD5 = "e5ebd4c02cefbe7955977c67ada242b7"


async def read(secret: str | None = None, **written: Any) -> tuple[list[DataVersion], list[str]]:
    source = DataSource.model_validate({"dataset": "sales", **written})
    return await versions_of([source], lambda _name: secret)


@pytest.mark.parametrize(
    ("written", "version", "digest"),
    [
        ({"delta": f"{MADE}/delta"}, "1", ""),
        ({"delta": f"file://{MADE}/delta/"}, "1", ""),
        ({"iceberg": f"{MADE}/iceberg"}, "1569031441562488981", ""),
        ({"dvc": f"{MADE}/dvc/train.csv.dvc"}, MD5, MD5),
        ({"dvc": f"{MADE}/dvc/dvc.lock#scored.csv"}, MD5, MD5),
    ],
)
async def test_what_real_tools_wrote_is_read(written: dict[str, str], version: str, digest: str) -> None:
    assert await read(**written) == ([DataVersion("sales", version, digest=digest)], [])


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({"delta": f"{MADE}/dvc"}, "is no Delta table"),
        ({"iceberg": f"{MADE}/dvc"}, "is no Iceberg table"),
        ({"dvc": f"{MADE}/dvc/dvc.lock#other.csv"}, "has no digest of other.csv"),
        ({"dvc": f"{MADE}/nothing.dvc"}, "cannot be read: FileNotFoundError"),
        ({"dvc": f"{MADE}/delta/_delta_log/00000000000000000000.json"}, "cannot be read"),
        ({"lakefs": {"url": "http://127.0.0.1:1", "repository": "shop"}}, "it cannot be reached"),
        ({"mlflow": {"url": "http://127.0.0.1:1", "run": "r", "secret": "ML"}}, "TANDEM_SECRET_ML is not set"),
    ],
)
async def test_what_cannot_be_read_says_why_and_holds_up_nothing(written: dict[str, Any], why: str) -> None:
    found, [problem] = await read(**written)
    assert found == []
    assert "the version of sales is not known" in problem and why in problem


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """lakeFS and MLflow as far as they are asked; MLflow's answers are a real server's."""

    async def commits(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Basic a2V5OnNlY3JldA=="
        assert request.raw_path == "/api/v1/repositories/shop/refs/main/commits?amount=1"
        return web.json_response({"results": [{"id": "c7a632d74f46c", "message": "load"}], "pagination": {}})

    async def mlflow(request: web.Request) -> web.Response:
        name = "alias" if request.path.endswith("alias") else "run"
        return web.Response(body=(MADE / "mlflow" / f"{name}.json").read_bytes(), content_type="application/json")

    app = web.Application()
    app.router.add_get("/api/v1/{path:.*}", commits)
    app.router.add_get("/api/2.0/mlflow/{path:.*}", mlflow)
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


async def test_a_commit_of_lakefs_is_read(server: TestServer) -> None:
    found = await read("key:secret", lakefs={"url": str(server.make_url("/")), "repository": "shop", "secret": "LAKE"})
    assert found == ([DataVersion("sales", "c7a632d74f46c", commit="c7a632d74f46c")], [])


@pytest.mark.parametrize("which", [{"run": "1"}, {"model": "fraud"}])
async def test_the_input_of_an_mlflow_run_has_run_and_commit(server: TestServer, which: dict[str, str]) -> None:
    told = json.loads((MADE / "mlflow/alias.json").read_text())["model_version"]["run_id"]
    [found], _ = await read(mlflow={"url": str(server.make_url("/")), "name": "sales", **which})
    assert found.run == (told if "model" in which else "1")
    assert found.commit == "4f2c1aa0d1b7c1b2f0e1d2c3b4a5968778695a4b"
    assert found.version == found.digest != ""
    nothing, [problem] = await read(mlflow={"url": str(server.make_url("/")), "name": "other", **which})
    assert not nothing and "has no dataset other among its inputs" in problem


def test_a_delta_table_is_read_by_duckdb_at_the_version_that_is_kept(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake", reason="the extra lake is not installed")
    for at in (1, 2):
        deltalake.write_deltalake(str(tmp_path / "t"), pa.table({"id": [f"r{at}"], "day": [at]}), mode="append")
    source = DataSource.model_validate({"dataset": "sales", "delta": str(tmp_path / "t"), "as": "scored"})
    for version, ids in (("0", ["r1"]), ("1", ["r1", "r2"]), ("", ["r1", "r2"])):
        tables = tables_of([source], {"sales": version} if version else {})
        rows = open_warehouse("duckdb:///:memory:", tables).rows(Query("select * from scored", "day"))
        assert rows["id"].to_pylist() == ids
    with pytest.raises(ToolFailure, match="read by DuckDB"):
        open_warehouse("sqlite:///x.db", tables)
    with pytest.raises(ToolFailure, match="the table scored cannot be read"):
        open_warehouse("duckdb:///:memory:", [LakeTable("scored", True, str(tmp_path), "")]).rows(Query("select 1 a"))


def test_an_iceberg_table_is_read_by_duckdb_at_the_snapshot_that_is_kept(tmp_path: Path) -> None:
    catalogs = pytest.importorskip("pyiceberg.catalog.sql", reason="the extra lake is not installed")
    catalog = catalogs.SqlCatalog("local", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}")
    catalog.create_namespace("shop")
    rows = pa.table({"id": ["r1"], "day": [1]})
    table = catalog.create_table("shop.scored", schema=rows.schema)
    snapshots = []
    for _ in range(2):
        table.append(rows)
        snapshots.append(str(table.current_snapshot().snapshot_id))
    folder = str(tmp_path / "shop/scored")
    assert iceberg_metadata(folder).endswith(".metadata.json")
    for snapshot, count in zip(snapshots, (1, 2), strict=True):
        found = open_warehouse("duckdb:///:memory:", [LakeTable("scored", False, folder, snapshot)])
        assert found.rows(Query("select * from scored", "day")).num_rows == count


@on_sqlite
async def test_a_pull_keeps_and_reports_the_versions_and_a_reference_has_them_as_its_lineage(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    pytest.importorskip("duckdb", reason="the extra duckdb is not installed")
    told: list[Any] = []

    class Told(RowsIntake):
        async def tell(self, events: Any) -> None:
            told.extend(events)

    intake = Told(inbox.append, open_frames(database, str(tmp_path / "models")), clock, RULES)
    data = [{"dataset": "sales", "delta": f"{MADE}/delta"}, {"dataset": "train", "dvc": f"{MADE}/dvc/train.csv.dvc"}]
    written = {"sql": "select 1 as seq, 'a' as id, 2.5 as amount", "from": "W", "data": data}
    pulled = PullSection.model_validate({**written, "cursor": "seq", "every": "1h"})
    pull = Pull("fraud", pulled, lambda: "duckdb:///:memory:", database, intake, clock)
    for _ in range(3):
        await pull.pull_page()
    versions = [event for event in told if isinstance(event, LineageEvent)]
    assert [(one.written[0].service, one.written[0].version) for one in versions] == [("sales", "1"), ("train", MD5)]
    async with database.read() as connection:
        [known] = await pulls.all_progress(connection)
    assert known.data is not None
    assert {name: one["version"] for name, one in known.data.items()} == {"sales": "1", "train": MD5}
    section = ReferenceSection.model_validate({**written, "data": data[1:]})
    await ReferencePull("fraud", section, lambda: "duckdb:///:memory:", database, intake, clock).pull()
    async with database.read() as connection:
        [reference] = await references.versions(connection, "fraud")
        read = await pulls.versions_read(connection, "fraud")
    assert (reference.lineage.data_version, reference.lineage.source_digest) == (MD5, MD5)
    assert [(one["dataset"], one["version"]) for one in read] == [("sales", "1"), ("train", MD5)]


def test_a_version_that_was_read_is_joined_with_the_run_that_reports_it_later() -> None:
    dataset = Dataset("sales", {})
    at = 1772366400000
    dataset.observe(Version(at, "42"), 50)
    assert in_words("sales", dataset.versions[0]) == "sales: version 42, first read 2026-03-01 12:00 UTC"
    run = "0190e0c1-7b5e-7e2d-9d0b-000000000001"
    dataset.write(Version(at - 3_600_000, "42", run, "load", "abc"), 50)
    dataset.observe(Version(at + 1, "42"), 50)
    [version] = dataset.versions
    told = in_words("sales", version)
    assert told == f"sales: version 42, written by run {run} of load from commit abc, 2026-03-01 11:00 UTC"
    dataset.observe(Version(at + 2, "43", "r9", "", "def"), 50)
    assert "version 43, made by run r9 from commit def, first read" in in_words("sales", dataset.versions[-1])
