"""A real MLflow server with a model registry, from the environment that ``TANDEM_MLFLOW_PYTHON`` names."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.harness import free_port, until
from tests.acceptance.model_tools import SECRET, python_of


class MlflowServer:
    """What a test asks of it, over its REST API."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def call(self, path: str, **said: Any) -> dict[str, Any]:
        url = f"{self.url}/api/2.0/mlflow/{path}"
        async with aiohttp.ClientSession() as session, session.post(url, json=said) as answer:
            assert answer.status == 200, f"{path}: {await answer.text()}"
            told: dict[str, Any] = await answer.json()
            return told

    async def register(self, model: str, versions: int) -> None:
        run = (await self.call("runs/create", experiment_id="0"))["run"]["info"]
        await self.call("registered-models/create", name=model)
        for _ in range(versions):
            source = f"{run['artifact_uri']}/model"
            await self.call("model-versions/create", name=model, source=source, run_id=run["run_id"])

    async def named_by(self, model: str, alias: str) -> str | None:
        """The version that an alias names, as the server itself says."""
        url, asked = f"{self.url}/api/2.0/mlflow/registered-models/alias", {"name": model, "alias": alias}
        async with aiohttp.ClientSession() as session, session.get(url, params=asked) as answer:
            return (await answer.json())["model_version"]["version"] if answer.status == 200 else None

    async def register_prompt(self, name: str, versions: int) -> None:
        """A prompt, as MLflow's own client makes it: a model with a mark."""
        mark = {"key": "mlflow.prompt.is_prompt", "value": "true"}
        await self.call("registered-models/create", name=name, tags=[mark])
        for number in range(versions):
            text = {"key": "mlflow.prompt.text", "value": f"Answer well. ({number})"}
            await self.call("model-versions/create", name=name, source="prompt-template", tags=[mark, text])

    async def tell(self, url: str, entity: str = "MODEL_VERSION_ALIAS") -> None:
        """Post every change of an alias, signed."""
        events = [{"entity": entity, "action": action} for action in ("CREATED", "DELETED")]
        await self.call("webhooks", name="tandem", url=url, secret=SECRET, events=events)


@asynccontextmanager
async def mlflow_server(folder: Path) -> AsyncIterator[MlflowServer]:
    port = free_port()
    store = [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "artifacts"),
    ]
    command = [python_of("mlflow"), "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *store]
    given = {"MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true", "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http"}
    given["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # nobody asks for jobs, and it starts sooner
    given["PATH"] = f"{Path(python_of('mlflow')).parent}:{os.environ['PATH']}"  # where it finds its own server
    with (folder / "mlflow.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | given,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
        )
    server = MlflowServer(f"http://127.0.0.1:{port}")

    async def answers() -> bool:
        assert process.returncode is None, (folder / "mlflow.log").read_text()[-3000:]
        with suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(f"{server.url}/health") as answer:
                return answer.status == 200
        return False

    try:
        await until(answers, "MLflow answers", 120)
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        await process.wait()
