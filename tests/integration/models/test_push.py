"""Rows from files and from a notebook to the whole program: ``tandem model push``, and docs/models.ipynb."""

import asyncio
import contextlib
import io
import json
import os
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pyarrow import parquet
from typer.testing import CliRunner, Result

from bot.app import App
from bot.cli import cli
from bot.client import AsyncTandem, Invalid, NotFound
from bot.config import Environment, load_config
from tests.acceptance.harness import until

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TOKEN = "a-token-of-some-length"
NOTEBOOK = json.loads((Path(__file__).parents[3] / "docs" / "models.ipynb").read_text())
CELLS = [(cell["cell_type"], "".join(cell["source"])) for cell in NOTEBOOK["cells"]]
[CONFIG] = re.findall(r"```yaml\n(.*?)```", "\n".join(text for kind, text in CELLS if kind == "markdown"), re.DOTALL)


class Running:
    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    async def push(self, *arguments: str, code: int = 0, url: str | None = None) -> Result:
        arguments = ("model", "push", *arguments, "--url", url or self.url)
        environment = {"TANDEM_WEBHOOK_TOKEN": TOKEN}
        result = await asyncio.to_thread(CliRunner().invoke, cli, arguments, env=environment)
        assert result.exit_code == code, result.output
        return result

    async def references(self) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{self.url}/models/fraud/references") as answer,
        ):
            return list((await answer.json())["references"])


@pytest.fixture
async def running(database_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    (tmp_path / "tandem.yaml").write_text(CONFIG)
    config, _ = load_config(tmp_path / "tandem.yaml")
    settings = {"TANDEM_DATABASE_URL": database_url, "TANDEM_WEBHOOK_TOKEN": TOKEN}
    async with App(Environment.model_validate(settings), config, port=0) as app:
        yield Running(app.url, tmp_path)


async def test_rows_that_cannot_be_taken_are_named_and_the_others_are_taken(running: Running) -> None:
    rows = [{"id": f"r{n}", "features": {"amount": n, "shop": "a"}, "prediction": "fine"} for n in range(100)]
    rows[41] |= {"scores": {"fraud": "high"}}
    lines = [json.dumps(row) for row in rows]
    lines[70] = "no JSON"
    result = await running.push("fraud", running.file("rows.jsonl", "\n".join(lines)), code=1)
    assert "98 rows of predictions accepted for fraud, 2 refused" in result.output
    assert "refused: row 71: no JSON object" in result.output
    assert re.search(r"refused: row 42: .*scores", result.output)


async def test_a_csv_keeps_the_zeros_of_its_ids_and_a_line_of_another_length_is_named(running: Running) -> None:
    text = "id,amount,version,score\n007,3.5,01,0.5\n008,4.5,01\n009,,01,0.25\n"
    result = await running.push("fraud", running.file("rows.csv", text), code=1)
    assert "refused: row 2: 3 values, and 4 names" in result.output
    assert "2 rows of predictions accepted for fraud, 1 refused" in result.output


async def test_of_a_file_that_fits_nothing_few_rows_are_named_and_the_rest_in_parts(running: Running) -> None:
    text = "amount\n" + "1.5\n" * 5000
    result = await running.push("fraud", running.file("rows.csv", text), "--rows", "1000", code=1)
    assert "0 rows of predictions accepted for fraud, 5,000 refused" in result.output
    named = re.findall(r"refused: (rows? [^:]*): .*id is missing", result.output)
    assert 20 <= sum(one.startswith("row ") for one in named) <= 30 and "rows 4001 to 5000" in named


async def test_a_file_of_parquet_is_a_reference_whole_or_not_at_all(running: Running, tmp_path: Path) -> None:
    parquet.write_table(pa.table({"amount": [1.0, 2.0, 3.0]}), tmp_path / "train.parquet", row_group_size=1)
    file = str(tmp_path / "train.parquet")
    result = await running.push("fraud", file, "--reference", "2026-02", "--param", "model_version=7")
    assert "3 rows of a reference accepted for fraud, 0 refused" in result.output
    [known] = await running.references()
    assert (known["version"], known["rows"], known["lineage"]["model_version"]) == ("2026-02", 3, "7")
    broken = running.file("train.jsonl", '{"amount": 1}\n{"amount"\n')
    assert "row 2" in (await running.push("fraud", broken, "--reference", "2026-03", code=1)).output
    refused = await running.push("fraud", file, "--reference", "2026-04", "--param", "modelversion=7", code=1)
    assert "rows 1 to 3" in refused.output and "model_version" in refused.output
    assert len(await running.references()) == 1


async def test_labels_that_are_pushed_again_by_the_same_command_are_kept_once_and_those_of_a_new_file_anew(
    running: Running, database_url: str
) -> None:
    async def kept() -> list[tuple[str, int]]:
        with contextlib.closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
            return list(connection.execute("select holds, rows from model_rows order by seq"))

    file = running.file("labels.csv", "id,label\n1,fraud\n2,fine\n")
    for _ in range(2):
        await running.push("fraud", file, "--labels")
    os.utime(file, (1, 1))  # written anew: a label may come back to what it was
    await running.push("fraud", file, "--labels")
    await running.push("fraud", running.file("marker.csv", "id\nr1\n"))

    async def all_there() -> bool:
        return ("predictions", 1) in await kept()

    await until(all_there, "the rows were worked through")
    assert await kept() == [("labels", 2), ("labels", 2), ("predictions", 1)]


async def test_a_server_that_goes_away_in_the_middle_is_said_and_what_was_taken(running: Running) -> None:
    text = "id,amount\n" + "".join(f"r{n},1.5\n" for n in range(30))
    file, asked = running.file("rows.csv", text), list[str]()

    async def take(request: web.Request) -> web.Response:
        asked.append(request.headers["Idempotency-Key"])
        gone = web.json_response({"detail": "no storage"}, status=503, headers={"Retry-After": "0"})
        return web.json_response({"accepted": 10}, status=202) if len(asked) <= 2 else gone

    app = web.Application()
    app.router.add_post("/models/fraud/predictions", take)
    async with TestServer(app) as server:
        result = await running.push("fraud", file, "--rows", "10", code=1, url=str(server.make_url("/")))
    assert "20 rows of predictions accepted for fraud, 0 refused" in result.output
    assert "took no more: no storage. The same command sends the rest" in result.output
    assert len(asked) == 7 and len(set(asked)) == 3


async def test_importance_is_sent_with_a_reference_and_refused_for_what_is_no_feature_of_it(running: Running) -> None:
    async with AsyncTandem(running.url, TOKEN) as tandem:
        await tandem.put_reference("fraud", "2026-02", {"amount": [1.0, 2.0], "hour": [3, 4]})
        await tandem.put_importance("fraud", "2026-02", {"amount": 0.4, "hour": 0.0})
        [known] = await running.references()
        assert known["lineage"]["importance"] == {"amount": 0.4, "hour": 0.0}
        for importance, why in (({"amonut": 1.0}, "no feature 'amonut'"), ({"amount": -1.0}, ">= 0")):
            with pytest.raises(Invalid, match=why):
                await tandem.put_importance("fraud", "2026-02", importance)
        with pytest.raises(NotFound):
            await tandem.put_importance("fraud", "2026-03", {"amount": 1.0})


async def test_what_is_wrong_with_the_command_is_said(running: Running) -> None:
    file = running.file("labels.csv", "id,label\n1,fraud\n")
    assert "no model 'frau'" in (await running.push("frau", file, "--labels", code=1)).output
    assert "there is no such file" in (await running.push("fraud", "away.csv", code=2)).output
    assert ".csv" in (await running.push("fraud", running.file("rows.xlsx", "-"), code=2)).output
    strange = (await running.push("fraud", file, "--labels", "--param", "clustre=eu", code=1)).output
    assert "took nothing: There is no parameter 'clustre'" in strange and "row 1" not in strange
    assert "this is no file" in (await running.push("fraud", str(running.folder), code=2)).output
    assert (
        "a file holds one of both" in (await running.push("fraud", file, "--labels", "--reference", "1", code=2)).output
    )


async def test_the_notebook_does_what_it_says(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_URL", running.url)
    monkeypatch.setenv("TANDEM_WEBHOOK_TOKEN", TOKEN)
    names: dict[str, Any] = {"__name__": "notebook"}

    def run() -> str:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            for text in (text for kind, text in CELLS if kind == "code"):
                exec(compile(text, "models.ipynb", "exec"), names)
        return printed.getvalue()

    printed = await asyncio.to_thread(run)
    assert "drift: ok" in printed and "performance-recall: ok" in printed
    assert names["states"]["drift"] == "firing"
    assert "the column id is missing" in printed and re.search(r"firing: .*amount", printed)
