"""The doors of models over real HTTP: references, predictions, labels; JSON and Parquet."""

import gzip
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model_store import batches as model_data
from bot.model_store import windows
from bot.model_store.frames import open_frames
from bot.model_store.windows import Labelled
from bot.storage.database import open_existing
from tests.acceptance.harness import TOKEN, Tandem, running
from tests.acceptance.harness import until as until_it_holds

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = "/models/demand-forecast"
PARQUET = {"Content-Type": "application/vnd.apache.parquet"}
FEATURES = {"features": {"price": "numeric", "shop": "categorical"}}
CONFIG = {
    "models": {
        name: FEATURES
        for name in ("demand-forecast", "same", "replaced", "listed", "joined", "iris", "large", "produced")
    }
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tandem(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tandem]:
    async with running(tmp_path_factory.mktemp("models"), CONFIG) as tandem:
        yield tandem


async def call(
    tandem: Tandem, method: str, path: str, body: bytes | Mapping[str, Any] | None = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    given = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, tandem.url + path, data=data, headers=given) as answer,
    ):
        return answer.status, json.loads(await answer.text())


def parquet(table: pa.Table, **options: Any) -> bytes:
    packed = io.BytesIO()
    pq.write_table(table, packed, **options)
    return packed.getvalue()


def training_data(shift: float = 0.0, rows: int = 500) -> pa.Table:
    random = np.random.default_rng(1)
    price = random.normal(size=rows) + shift
    return pa.table({"price": price, "shop": random.choice(["a", "b"], rows), "prediction": price * 2})


async def test_a_reference_is_named_by_its_content_however_it_is_laid_out(tandem: Tandem) -> None:
    table = training_data()
    status, first = await call(tandem, "PUT", "/models/same/references/v1", parquet(table), **PARQUET)
    assert (status, first["rows"], first["columns"]["shop"]) == (201, 500, "string")
    columns = {"columns": {name: table[name].to_pylist() for name in reversed(table.column_names)}}
    otherwise = [
        (parquet(table.select(["shop", "prediction", "price"]), row_group_size=7), PARQUET),
        (json.dumps(columns).encode(), {}),
        (gzip.compress(parquet(table, use_dictionary=False)), {**PARQUET, "Content-Encoding": "gzip"}),
    ]
    for body, headers in otherwise:
        status, again = await call(tandem, "PUT", "/models/same/references/v1", body, **headers)
        assert (status, again["digest"]) == (200, first["digest"])


async def test_other_content_under_a_version_is_refused_unless_it_shall_replace(tandem: Tandem) -> None:
    at = "/models/replaced/references/v1"
    await call(tandem, "PUT", at, parquet(training_data()), **PARQUET)
    status, said = await call(tandem, "PUT", at, parquet(training_data(1.0)), **PARQUET)
    assert status == 409 and "?replace=true" in said["detail"]
    status, said = await call(tandem, "PUT", f"{at}?replace=true", parquet(training_data(1.0)), **PARQUET)
    assert status == 201


@pytest.mark.parametrize("version", ["3863d0e317dee0a55c4e59d2ec0eef33", "md5:a304afb9", "main@2026-02-01"])
async def test_another_tools_digest_may_be_the_version(tandem: Tandem, version: str) -> None:
    at = f"/models/same/references/{version}"
    assert (await call(tandem, "PUT", at, parquet(training_data()), **PARQUET))[0] == 201
    assert (await call(tandem, "GET", at))[1]["version"] == version


async def test_references_are_listed_with_their_lineage_compared_pinned_and_ended(tandem: Tandem) -> None:
    references = "/models/listed/references"
    lineage = "model_version=7&data_version=2026-01&created_by=ana&source_digest=3863d0e317dee0a55c4e59d2ec0eef33"
    await call(tandem, "PUT", f"{references}/v1?{lineage}", parquet(training_data()), **PARQUET)
    await call(tandem, "PUT", f"{references}/v2", parquet(training_data(1.0)), **PARQUET)
    _, listed = await call(tandem, "GET", references)
    assert [one["version"] for one in listed["references"]] == ["v2", "v1"]
    assert listed["references"][1]["lineage"]["created_by"] == "ana"
    assert listed["current"] == "v2"
    _, diff = await call(tandem, "GET", f"{references}/v1/diff/v2")
    moved = {one["name"]: one["differs"] for one in diff["features"]}
    assert moved == {"price": True, "shop": False}
    assert 0.8 < diff["features"][0]["after"]["median"] - diff["features"][0]["before"]["median"] < 1.2
    status, _ = await call(tandem, "POST", f"{references}/v1/pin")
    _, listed = await call(tandem, "GET", references)
    assert (status, listed["current"]) == (200, "v1")
    status, said = await call(tandem, "DELETE", f"{references}/v1")
    assert status == 409 and "pinned" in said["detail"]
    await call(tandem, "DELETE", f"{references}/v1/pin")
    status, _ = await call(tandem, "DELETE", f"{references}/v2")
    _, listed = await call(tandem, "GET", references)
    assert (status, listed["current"]) == (200, "v1")


async def test_predictions_and_labels_are_accepted_in_all_three_forms(tandem: Tandem) -> None:
    row = {"id": "r1", "features": {"price": 3.5, "shop": "a"}, "prediction": 7, "score": 0.9}
    rows = {
        "rows": [{**row, "timestamp": "2026-03-01T12:00:00Z", "version": "7"}, {"id": 2, "features": {"price": None}}]
    }
    assert await call(tandem, "POST", f"{MODEL}/predictions", rows) == (202, {"accepted": 2})
    columns = {"columns": {"id": ["r3"], "price": [1.0], "shop": ["b"], "prediction": [2]}}
    assert await call(tandem, "POST", f"{MODEL}/predictions", columns) == (202, {"accepted": 1})
    many = pa.table({"id": pa.array(range(100_000)), "price": np.arange(100_000.0)})
    octets = {"Content-Type": "application/octet-stream"}
    assert await call(tandem, "POST", f"{MODEL}/predictions", parquet(many), **octets) == (202, {"accepted": 100_000})
    labels = {"rows": [{"id": "r1", "label": 8}]}
    assert await call(tandem, "POST", f"{MODEL}/labels", labels) == (202, {"accepted": 1})
    assert await call(tandem, "POST", f"{MODEL}/labels", {"rows": []}) == (202, {"accepted": 0})


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "said"),
    [
        ("/models/demand-forcast/labels", b"{}", {}, 404, "did you mean 'demand-forecast'?"),
        (f"{MODEL}/labels", b'{"rows": [{"id": "a"}]}', {}, 400, "`label` - at `$.rows[0]`"),
        (f"{MODEL}/labels", b'{"rows": [{"id": "a", "label": 1, "lable": 2}]}', {}, 400, "`lable`"),
        (f"{MODEL}/predictions", b'{"columns": {"id": ["a", null]}}', {}, 400, "id is missing in row 1"),
        (f"{MODEL}/predictions", b'{"columns": {"id": ["a"], "x": [1, 2]}}', {}, 400, "x has 2 values"),
        (f"{MODEL}/predictions", b'{"columns": {"x": [1, 2]}}', {}, 400, "the column id is missing"),
        (f"{MODEL}/predictions", b"[]", {}, 400, "Expected `object`"),
        (f"{MODEL}/predictions", b"{}", {}, 400, '{"rows": [\u2026]}'),
        (f"{MODEL}/predictions", b'{"rows": [{"id": "a", "prediction": [1]}]}', {}, 400, "$.rows[0].prediction"),
        (f"{MODEL}/predictions", b'{"rows": [{"id": "a", "id": "b"}]}', {}, 400, "the key 'id' twice"),
        (f"{MODEL}/predictions", b'{"rows": [{"id": "\\ud800"}]}', {}, 400, "The body cannot be taken"),
        (f"{MODEL}/predictions", b"PAR1" + b"x" * 99, PARQUET, 400, "no Parquet"),
        (f"{MODEL}/predictions", parquet(training_data())[:-99], PARQUET, 400, "no Parquet"),
        (f"{MODEL}/predictions", b"{}", PARQUET, 400, "PAR1"),
        (f"{MODEL}/predictions", b"a,b", {"Content-Type": "text/csv"}, 415, "application/vnd.apache.parquet"),
        (f"{MODEL}/predictions", b"{" + b" " * 21 * 2**20, {}, 413, "bytes"),
        (f"{MODEL}/predictions?clutser=a", b'{"rows": []}', {}, 400, "did you mean 'cluster'?"),
        (f"{MODEL}/predictions", b'{"rows": []}', {"Authorization": "Bearer no"}, 401, "TANDEM_WEBHOOK_TOKEN"),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_the_place_that_is_wrong(
    path: str, body: bytes, headers: dict[str, str], status: int, said: str, tandem: Tandem
) -> None:
    answered, problem = await call(tandem, "POST", path, body, **headers)
    assert answered == status
    assert said in problem["detail"]


async def test_a_column_that_is_no_feature_is_named_in_the_answer_and_costs_the_others_nothing(tandem: Tandem) -> None:
    names = ["id", "price", "price", "embedding", "__index_level_0__", "label"]
    columns = [["n-1", "n-2"], [1.0, 2.0], [1.0, 3.0], [[1], [2]], [0, 1], [None, 5]]
    table = pa.Table.from_arrays([pa.array(column) for column in columns], names)
    status, said = await call(tandem, "POST", "/models/same/predictions", parquet(table), **PARQUET)
    assert (status, said["accepted"]) == (202, 2)
    assert said["notes"].keys() == {"price", "embedding", "__index_level_0__", "label"}
    assert "different values" in said["notes"]["price"] and "1 labels" in said["notes"]["label"]
    rows = {"rows": [{"id": "n-3", "features": {"x": [1], "y": 1}}]}
    status, said = await call(tandem, "POST", "/models/same/predictions", rows)
    assert status == 202 and "left out" in said["notes"]["x"]


async def test_what_was_accepted_can_be_read_as_a_window_joined_with_late_labels(tandem: Tandem) -> None:
    rows = {"rows": [{"id": str(at), "features": {"price": at}, "prediction": at} for at in range(100)]}
    for _ in range(2):
        assert await call(tandem, "POST", "/models/joined/predictions", rows) == (202, {"accepted": 100})
    for label in (0, 1):
        labels = {"rows": [{"id": "7", "label": label}, {"id": "unknown", "label": 1}]}
        assert await call(tandem, "POST", "/models/joined/labels", labels) == (202, {"accepted": 2})
    assert await joined(tandem, "joined", batches=3) == (100, [1], 1)


async def test_a_reference_is_made_of_what_was_predicted_in_a_span_of_time(tandem: Tandem) -> None:
    def row(at: int) -> dict[str, Any]:
        moment = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=at)
        given = {"id": str(at), "features": {"price": at, "shop": "a"}, "prediction": at, "version": str(at % 2)}
        return given | {"timestamp": moment.isoformat()}

    await call(tandem, "POST", "/models/produced/predictions", {"rows": [row(at) for at in range(48)]})
    await call(tandem, "POST", "/models/produced/labels", {"rows": [{"id": "3", "label": 4}]})
    await joined(tandem, "produced", batches=2)
    at, span = "/models/produced/references", "since=2026-03-01T00:00:00Z&until=2026-03-02T00:00:00Z"
    status, made = await call(tandem, "PUT", f"{at}/day?{span}")
    assert (status, made["rows"]) == (201, 24)
    assert made["columns"] | {"price": "int64", "label": "int64", "prediction": "int64"} == made["columns"]
    status, made = await call(tandem, "PUT", f"{at}/odd?{span}&model_version=1")
    assert (status, made["rows"], made["lineage"]["model_version"]) == (201, 12, "1")
    for query, body, said in (
        ("since=2026-03-01T00:00:00Z", None, "give both"),
        ("since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z", None, "since is earlier"),
        (span, {"rows": []}, "send no body"),
        (span.replace("2026", "2020"), None, "one row"),
    ):
        status, problem = await call(tandem, "PUT", f"{at}/no?{query}", body)
        assert status == 400 and said in problem["detail"]


async def test_what_kserve_logs_becomes_predictions(tandem: Tandem) -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-source": "http://localhost:9081/",
        "ce-id": "689b15e7",
        "ce-inferenceservicename": "iris",
        "ce-namespace": "default",
        "ce-component": "predictor",
        "ce-time": datetime.now(UTC).isoformat(),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    logged = {
        "request": b'{"instances": [[6.8, "a"], [6.0, "b"]]}',
        "response": b'{"predictions": [1, 0]}',
    }
    for kind, body in logged.items():
        ce_type = {"ce-type": f"org.kubeflow.serving.inference.{kind}"}
        assert await call(tandem, "POST", "/webhooks/cloudevents", body, **headers, **ce_type) == (202, {"accepted": 1})
    await call(tandem, "POST", "/models/iris/labels", {"rows": [{"id": "689b15e7/1", "label": 1}]})
    assert await joined(tandem, "iris", batches=3) == (2, [1], 0)
    [row] = (await window(tandem, "iris")).table.to_pylist()
    assert (row["feature.price"], row["feature.shop"], row["prediction"], row["label"]) == (6.0, "b", 0, 1)


async def test_what_was_accepted_outlives_the_process(tandem: Tandem) -> None:
    many = pa.table({"id": pa.array(range(1_000_000)), "price": np.arange(1e6), "prediction": np.arange(1_000_000)})
    accepted = await call(tandem, "POST", "/models/large/predictions", parquet(many), **PARQUET)
    await tandem.kill()
    await tandem.start()
    assert accepted == (202, {"accepted": 1_000_000})
    await call(tandem, "POST", "/models/large/labels", {"rows": [{"id": 999_999, "label": 3}]})
    assert await joined(tandem, "large", batches=2) == (1_000_000, [3], 0)


async def joined(tandem: Tandem, model: str, batches: int) -> tuple[int, list[Any], int]:
    """Of the last hour, once so many batches were worked through: predictions, labels, contradictions."""

    async def worked_through() -> bool:
        async with reading(tandem) as connection:
            return len(await model_data.rows_after(connection, model, 0)) == batches

    await until_it_holds(worked_through, f"{batches} batches of {model} were worked through", 20)
    found = await window(tandem, model)
    return found.predictions, found.table["label"].to_pylist(), found.contradicting


async def window(tandem: Tandem, model: str) -> Labelled:
    since, until = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    frames = open_frames(open_existing(tandem.database_url))
    async with reading(tandem) as connection:
        return await windows.labelled(connection, frames, model, since, until)


@asynccontextmanager
async def reading(tandem: Tandem) -> AsyncIterator[AsyncConnection]:
    database = open_existing(tandem.database_url)
    try:
        async with database.read() as connection:
            yield connection
    finally:
        await database.close()
