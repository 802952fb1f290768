"""One model's life with a real MLflow and real digits, as docs/models-first-hour.md tells it: its own blocks are run.

The page's Python runs in the environment that ``TANDEM_MLFLOW_PYTHON`` names, as a reader's would; the test clicks what
the page says to click, and looks at what Tandem shows.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.harness import CHANNEL, ON_CALL, TOKEN, Tandem, free_port, running, until
from tests.acceptance.mlflow_server import MlflowServer, mlflow_server
from tests.acceptance.model_tools import SECRET, python_of

PAGE = (Path(__file__).parents[3] / "docs" / "models-first-hour.md").read_text()
PATIENCE = 120
needs_mlflow = pytest.mark.skipif(not python_of("mlflow"), reason="TANDEM_MLFLOW_PYTHON names no Python with mlflow")

_NOTEBOOK = """
import json, sys, traceback
names, answers = {"__name__": "page"}, sys.stdout
sys.stdout = sys.stderr
for line in sys.stdin:
    try:
        exec(compile(json.loads(line), "page", "exec"), names)
        answer = ""
    except BaseException:
        answer = traceback.format_exc()
    print(json.dumps(answer), file=answers, flush=True)
"""


class Notebook:
    """A Python session in which the page's blocks are run one after the other."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._turn = asyncio.Lock()

    async def run(self, block: str) -> str:
        """Returns what it printed. Fails with its traceback."""
        assert self._process.stdin is not None and self._process.stdout is not None
        async with self._turn:
            before, line = len(self._log.read_text()), b'"it takes too long"'
            self._process.stdin.write(json.dumps(block).encode() + b"\n")
            with suppress(TimeoutError):
                line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        problem = json.loads(line or b'"it ended"')
        assert not problem, f"{block}\n{problem}\n{self._log.read_text()[-2000:]}"
        return self._log.read_text()[before:]


@asynccontextmanager
async def notebook(folder: Path) -> AsyncIterator[Notebook]:
    pipe, log = asyncio.subprocess.PIPE, folder / "notebook.log"
    with log.open("wb") as err:
        process = await asyncio.create_subprocess_exec(
            *(python_of("mlflow"), "-c", _NOTEBOOK), stdin=pipe, stdout=pipe, stderr=err, cwd=folder, limit=2**24
        )
    try:
        session = Notebook(process, log)
        imports = asyncio.create_task(session.run("import mlflow, pandas, sklearn.linear_model"))  # while MLflow starts
        yield session
        await imports
    finally:
        process.kill()
        await process.wait()


def blocks(kind: str, places: dict[str, str]) -> list[str]:
    """The page's blocks of a kind, with the addresses and secrets of this test in the place of the reader's."""
    found = re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    for theirs, ours in places.items():
        found = [block.replace(theirs, ours) for block in found]
    return found


async def _start_of(mlflow: MlflowServer, folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """tandem.yaml, and what stands for what in the page's blocks but Tandem's own address."""
    trainer = str(free_port())
    places = {
        "http://127.0.0.1:5000": mlflow.url,
        "127.0.0.1:5050": f"127.0.0.1:{trainer}",
        '", 5050)': f'", {trainer})',
    }
    places |= {"a-token-of-some-length": TOKEN, "another-secret": SECRET}
    [config] = blocks("yaml", places)
    return yaml.safe_load(config.replace(" on:", ' "on":')), places  # which is true to other readers of YAML


async def _promoted(mlflow: MlflowServer, version: str) -> None:
    async def served() -> bool:
        return await mlflow.named_by("digits", "champion") == version

    await until(served, f"version {version} is the champion", PATIENCE)


@needs_mlflow
async def test_a_models_first_hour_is_what_its_page_says(tmp_path: Path) -> None:
    async with notebook(tmp_path) as page, mlflow_server(tmp_path) as mlflow:
        config, places = await _start_of(mlflow, tmp_path)
        async with running(tmp_path, config, environment={"TANDEM_MLFLOW_SECRET": SECRET}) as tandem:
            code = iter(blocks("python", places | {"http://127.0.0.1:8080": tandem.url}))
            await _trained_and_watched(tandem, page, code)
            await _a_worse_version(tandem, mlflow, page, code)
            await _drift(tandem, mlflow, page, code)
            await _report(page, code)
            assert next(code, None) is None


async def _trained_and_watched(tandem: Tandem, page: Notebook, code: Any) -> None:
    """Training, MLflow's webhook, the reference, and letters of which nothing is to be said."""
    for _ in range(5):
        await page.run(next(code))

    async def green() -> bool:
        _, model = await tandem.get("/api/models/digits")
        return [one["state"] for one in model["monitors"]] == ["ok"] * 3

    await until(green, "each monitor has made a check", PATIENCE)
    assert await tandem.incidents() == []


async def _a_worse_version(tandem: Tandem, mlflow: MlflowServer, page: Notebook, code: Any) -> None:
    await page.run(next(code))
    offered = ("ModelPerformance", "champion of digits is now version 2", "the newest version before 2", "run.approve")
    message = await tandem.message(*offered, absent="Retrain, compare", seconds=PATIENCE)
    await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
    await page.run(next(code))
    assert await mlflow.named_by("digits", "champion") == "1"
    shown = (
        "Verified: the monitor digits/performance-accuracy finds nothing",
        "champion of digits is version 1; it was",
    )
    await tandem.message(*shown, "Fixed by “Serve the version before", seconds=PATIENCE)


async def _drift(tandem: Tandem, mlflow: MlflowServer, page: Notebook, code: Any) -> None:
    await page.run(next(code))
    offered = ("FeatureDrift", "ModelPerformance", "scanner replaced", "Retrain, compare, try, promote", "run.approve")
    message = await tandem.message(*offered, absent="Proposed: Serve the version before", seconds=PATIENCE)
    await page.run(next(code))
    await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
    await page.run(next(code))
    await _promoted(mlflow, "3")
    found = ("the pipeline has ended: succeeded", "the challenger is better", "95 % interval 0.", "canary: 0.")
    await tandem.message("champion of digits is version 3; it was version 1", *found, seconds=PATIENCE)
    await page.run(next(code))
    fixed = "Fixed by “Retrain, compare, try, promote”, which was verified"
    await tandem.message(fixed, "Verified: the monitor", seconds=PATIENCE)


async def _report(page: Notebook, code: Any) -> None:
    report = await page.run(next(code))
    for part in ("scanner replaced", "Retrain, compare, try, promote", "succeeded and was verified", "FeatureDrift"):
        assert part in report, report
