"""Versioned references on both databases, and the store of frames behind them."""

import os
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.errors import ConfigError, StorageUnavailable
from bot.maintenance.model_data import remove_unused
from bot.model_store import references
from bot.model_store.features import profiles
from bot.model_store.frames import Frames, open_frames
from bot.model_store.reference_diff import difference
from bot.model_store.references import Lineage, Reference, Taken
from bot.storage.blobs import Lost, warning_about
from bot.storage.database import Database, open_database
from tests.conftest import Clock

MODEL = "demand-forecast"


@pytest.fixture
def frames(database: Database, tmp_path: Path) -> Frames:
    return open_frames(database, str(tmp_path / "frames"))


def data(shift: float = 0.0, rows: int = 200) -> pa.Table:
    return pa.table(
        {"feature.x": np.arange(rows) + shift, "feature.code": [1, 2] * (rows // 2), "label": [0, 1] * (rows // 2)}
    )


class References:
    def __init__(self, database: Database, frames: Frames, clock: Clock) -> None:
        self.database, self.frames, self.clock = database, frames, clock

    async def save(
        self, version: str, table: pa.Table, replace: bool = False, categorical: tuple[str, ...] = ("code",)
    ) -> tuple[Reference, bool]:
        stored = await profiles.store(self.frames, table, categorical)
        async with self.database.write() as connection:
            return await references.save(
                connection, MODEL, version, stored, Lineage("7"), self.clock.now, replace=replace
            )

    async def current(self) -> str | None:
        async with self.database.read() as connection:
            found = await references.current(connection, MODEL, self.clock.now)
            return found.version if found else None


@pytest.fixture
def store(database: Database, frames: Frames, clock: Clock) -> References:
    return References(database, frames, clock)


def grow_old(folder: Path) -> None:
    """Nobody has written these files for long."""
    for file in (path for path in folder.rglob("*") if path.is_file() and "frames" in path.parts):
        os.utime(file, (0, 0))


async def test_the_same_content_under_a_version_is_the_same_reference(store: References) -> None:
    first, new = await store.save("v1", data())
    again, new_again = await store.save("v1", data())
    assert (new, new_again) == (True, False)
    assert again == first
    with pytest.raises(Taken):
        await store.save("v1", data(1.0))


async def test_the_profile_is_built_once_and_knows_categories_of_numbers(store: References, frames: Frames) -> None:
    reference, _ = await store.save("v1", data())
    profile = await profiles.profile_of(frames, reference)
    assert profile.rows == 200
    assert {name: type(column).__name__ for name, column in profile.columns.items()} == {
        "x": "Numeric",
        "code": "Categorical",
    }
    assert list((await profiles.outputs_of(frames, reference)).columns) == ["label"]


async def test_a_feature_that_is_always_missing_has_a_profile_too(store: References, frames: Frames) -> None:
    reference, _ = await store.save("v1", pa.table({"feature.x": pa.nulls(3), "feature.y": [1, 2, 3]}))
    profile = await profiles.profile_of(frames, reference)
    assert (profile.columns["x"].rows, profile.columns["x"].missing) == (0, 3)
    [x, y] = difference(profile, profile).features
    assert (x.before["missing"], y.differs) == (1.0, False)


async def test_the_profile_is_built_anew_where_other_features_are_called_categories(
    store: References, frames: Frames
) -> None:
    await store.save("v1", data())
    again, new = await store.save("v1", data(), categorical=("x",))
    profile = await profiles.profile_of(frames, again)
    assert (new, type(profile.columns["x"]).__name__) == (False, "Categorical")
    async with store.database.read() as connection:
        assert await references.get(connection, MODEL, "v1") == again


async def test_the_pinned_version_is_the_current_one_and_else_the_newest(store: References, clock: Clock) -> None:
    assert await store.current() is None
    for version in ("v1", "v2", "v3"):
        clock.pass_(minutes=1)
        await store.save(version, data(float(version[1])))
    assert await store.current() == "v3"
    async with store.database.write() as connection:
        assert await references.pin(connection, MODEL, "v1")
        assert not await references.pin(connection, MODEL, "v9")
    assert await store.current() == "v1"
    async with store.database.write() as connection:
        await references.pin(connection, MODEL, "v2")
    assert await store.current() == "v2"
    async with store.database.write() as connection:
        await references.unpin(connection, MODEL)
        await references.expire(connection, MODEL, "v3", clock.now)
    assert await store.current() == "v2"


async def test_a_replaced_reference_stays_readable_for_the_check_that_has_it(
    store: References, frames: Frames, clock: Clock, tmp_path: Path
) -> None:
    old, _ = await store.save("v1", data())
    new, _ = await store.save("v1", data(1.0), replace=True)
    await remove_unused(store.database, frames, clock.now, timedelta(days=90))
    assert (await frames.get(old.digest)).num_rows == 200
    assert (await profiles.profile_of(frames, old)).rows == 200
    clock.pass_(hours=2)
    grow_old(tmp_path)
    await remove_unused(store.database, frames, clock.now, timedelta(days=90))
    with pytest.raises(Lost):
        await frames.get(old.digest)
    assert (await frames.get(new.digest)).num_rows == 200


async def test_a_file_that_two_versions_share_stays_until_both_are_gone(
    store: References, frames: Frames, clock: Clock, tmp_path: Path
) -> None:
    reference, _ = await store.save("v1", data())
    await store.save("v2", data())
    grow_old(tmp_path)
    for version, is_there in (("v1", True), ("v2", False)):
        async with store.database.write() as connection:
            await references.expire(connection, MODEL, version, clock.now)
        for _ in range(2):
            clock.pass_(hours=2)
            await remove_unused(store.database, frames, clock.now, timedelta(days=90))
        assert await frames.exists(reference.digest) is is_there


@pytest.mark.parametrize("scheme", ["", "file://", "memory:/"])
async def test_frames_are_kept_in_a_folder_or_wherever_fsspec_reaches(scheme: str, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/tandem.db")
    address = f"{scheme}{tmp_path}/elsewhere"
    frames, (system, root) = open_frames(database, address), fsspec.core.url_to_fs(address)
    await frames.reach()
    digest = await frames.put(data())
    assert await frames.put(data()) == digest
    assert (await frames.get(digest)).sort_by("feature.x")["label"].to_pylist() == data()["label"].to_pylist()
    assert [Path(path).name for path in system.find(root)] == [f"{digest}.parquet"]
    assert not await frames.drop_idle(f"{digest}.parquet", 60)
    await frames.drop(digest)
    assert not await frames.exists(digest)
    assert await frames.drop_idle(f"{digest}.parquet", 60)
    with pytest.raises(Lost):
        await frames.get(digest)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nosuch://bucket", "Protocol not known: nosuch"),
        pytest.param("s3://bucket/x", "Install s3fs", marks=pytest.mark.skipif(bool(find_spec("s3fs")), reason="here")),
    ],
)
def test_an_address_that_fsspec_cannot_use_is_an_error_of_configuration(
    address: str, said: str, tmp_path: Path
) -> None:
    database = open_database(f"sqlite:///{tmp_path}/tandem.db")
    with pytest.raises(ConfigError, match=f"TANDEM_MODEL_STORE: {said}"):
        open_frames(database, address)


async def test_frames_are_kept_behind_http(tmp_path: Path) -> None:
    """A file system that is far away and has errors of its own; it cannot delete."""
    files: dict[str, bytes] = {}

    async def answer(request: web.Request) -> web.Response:
        if request.path.startswith("/full/"):
            return web.Response(status=507)
        if request.method == "PUT":
            files[request.path] = await request.read()
        return web.Response(body=files[request.path]) if request.path in files else web.Response(status=404)

    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        database = open_database(f"sqlite:///{tmp_path}/tandem.db")
        frames = open_frames(database, str(server.make_url("/models")))
        assert not await frames.exists("0" * 32)
        digest = await frames.put(data())
        assert await frames.exists(digest) and list(files) == [f"/models/{digest[:2]}/{digest}.parquet"]
        assert (await frames.get(digest)).num_rows == 200
        with pytest.raises(Lost):
            await frames.get("0" * 32)
        for fails in (frames.drop(digest), open_frames(database, str(server.make_url("/full"))).put(data())):
            with pytest.raises(StorageUnavailable, match=r"the store of model data: \w+: "):
                await fails


@pytest.mark.parametrize(
    ("address", "database", "told"),
    [
        (None, "postgresql://host/tandem", ".tandem/models"),
        ("/srv/models", "postgresql://host/tandem", "/srv/models"),
        ("file:///srv/models", "postgresql://host/tandem", "/srv/models"),
        ("memory://models", "postgresql://host/tandem", "memory://"),
        ("http://store/models", "postgresql://host/tandem", None),
        ("/srv/models", "sqlite:///tandem.db", None),
    ],
)
def test_files_that_other_replicas_would_not_find_are_doubted(
    address: str | None, database: str, told: str | None
) -> None:
    warning = warning_about(address, database)
    assert (warning is None) == (told is None)
    assert told is None or (told in (warning or "") and "s3://bucket/tandem" in (warning or ""))


async def test_a_reference_of_ids_has_a_profile_of_bounded_size(store: References) -> None:
    ids = pa.table({"feature.code": [f"id-{number}" for number in range(30_000)]})
    reference, _ = await store.save("v1", ids, categorical=())
    profile = await profiles.profile_of(store.frames, reference)
    assert profile.rows == 30_000 and len(profile.state()) < 20_000
    diff = difference(profile, profile)
    assert diff.features[0].before["categories"] is None and diff.features[0].distance == 0
    few, _ = await store.save("v2", pa.table({"feature.code": ["a", "b"]}), categorical=())
    [apart] = difference(profile, await profiles.profile_of(store.frames, few)).features
    assert apart.distance > 0.9


async def test_a_store_that_takes_nothing_is_an_outage(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/tandem.db")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageUnavailable):
        await open_frames(database, str(tmp_path / "file" / "frames")).put(data())
