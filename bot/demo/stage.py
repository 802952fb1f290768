"""The stage of the demo: a forecast service, its pool of workers and its noisy neighbour as real processes."""

import asyncio
import os
import random
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from bot.demo import checker, feature_pipeline, processes
from bot.demo.features import BAD, GOOD, MODEL, reference_columns
from bot.errors import TandemError

START_SECONDS = 120.0
"""A program that is started beside others may take a minute on a busy machine."""
_STOP_SECONDS = 10.0
REFERENCE_ROWS = 5000


class StageError(TandemError):
    """The processes of the demo do not do what they are told."""


@dataclass(frozen=True)
class Stats:
    """The service as measured over the last five seconds.

    ``accuracy`` is 1 - MAPE against what was sold; ``contention`` the share of their time for which the workers that
    are alive waited for a CPU.
    """

    p95_ms: float
    queue_depth: int
    accuracy: float
    workers: int
    contention: float


class Stage:
    """Runs the processes while its context is entered, and writes into ``folder`` only.

    ``webhook_url`` is told of alerts in Alertmanager's format, with ``webhook_token`` as a bearer token; Tandem at
    ``tandem_url`` is told of predictions and of releases of the features, with the same token.
    """

    def __init__(self, folder: Path, webhook_url: str, webhook_token: str, tandem_url: str = "") -> None:
        self._folder = folder.resolve()
        self._log = self._folder / "stage.log"
        self._tandem_url, self._token = tandem_url, webhook_token
        self._variables = {
            checker.URL: webhook_url,
            checker.TOKEN: webhook_token,
            feature_pipeline.URL: tandem_url,
        }
        self._supervisor: asyncio.subprocess.Process | None = None

    @property
    def scale_out_argv(self) -> list[str]:
        """Starts the whole pool; exits with 0 also where it runs already."""
        return processes.control(self._folder, "start", "forecast:*")

    @property
    def scale_in_argv(self) -> list[str]:
        """Stops all workers but the first; exits with 0 also where they do not run."""
        return processes.control(self._folder, "stop", *processes.extra_workers())

    @property
    def roll_back_argv(self) -> list[str]:
        """Releases the weather features as they were; exits with 0 also where they are so already."""
        return processes.release(self._folder, GOOD)

    async def __aenter__(self) -> Self:
        """Start the processes. Raises StageError if the service does not come to answer."""
        if len(os.fsencode(processes.control_socket(self._folder))) > processes.LONGEST_SOCKET:
            raise StageError(f"{self._folder} is too long a path for the stage: Unix sockets allow about 100 bytes")
        self._folder.mkdir(parents=True, exist_ok=True)
        processes.write_config(self._folder)
        processes.release_file(self._folder).write_text(GOOD)
        config = str(processes.config_file(self._folder))
        with self._log.open("wb") as log:
            self._supervisor = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.demo.supervisor", "--nodaemon", "-c", config),
                env={**os.environ, **self._variables},
                stdin=asyncio.subprocess.PIPE,  # the supervisor's lifeline
                stdout=log,
                stderr=log,
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._until_it_answers()
        except TimeoutError as error:
            await self._stop()
            raise StageError(f"the forecast service does not answer\n{self._log_tail()}") from error
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def stats(self) -> Stats:
        """What the service measures now. Raises aiohttp.ClientError while it does not run."""
        connector = aiohttp.UnixConnector(path=str(processes.api_socket(self._folder)))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://forecast-api/stats") as answer,
        ):
            answer.raise_for_status()
            return Stats(**await answer.json())

    async def scale_in(self) -> None:
        await self._run(self.scale_in_argv)

    async def start_hog(self) -> None:
        await self._control("start", "noisy-neighbour")

    async def stop_hog(self) -> None:
        await self._control("stop", "noisy-neighbour")

    async def start_features(self, reference: str) -> None:
        """Give Tandem the model's training data as a reference, and begin to log predictions."""
        columns = {"columns": reference_columns(REFERENCE_ROWS, random.Random(46))}
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._token}"}) as session,
            session.put(f"{self._tandem_url}/models/{MODEL}/references/{reference}", json=columns) as answer,
        ):
            if answer.status >= 400:
                raise StageError(f"the reference was not taken: {answer.status} {await answer.text()}")
        await self._control("start", "feature-pipeline")

    async def release_bad_features(self) -> None:
        await self._run(processes.release(self._folder, BAD))

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    async def _until_it_answers(self) -> None:
        """Wait until forecasts are made. Raises StageError if the supervisor ends."""
        while True:
            if self._supervisor and self._supervisor.returncode is not None:
                raise StageError(f"supervisord ended by itself\n{self._log_tail()}")
            with suppress(aiohttp.ClientError):
                measured = await self.stats()
                if measured.workers and measured.p95_ms:
                    return
            await asyncio.sleep(0.1)

    async def _control(self, *words: str) -> None:
        await self._run(processes.control(self._folder, *words))

    async def _run(self, command: list[str]) -> None:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise StageError(f"{' '.join(command[2:])}: {output.decode().strip()}")

    async def _stop(self) -> None:
        """End the supervisor, which ends all others. Were it killed, they would notice that and end, too."""
        if not self._supervisor:
            return
        with suppress(ProcessLookupError):
            self._supervisor.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._supervisor.wait()
        except TimeoutError:
            self._supervisor.kill()
            await self._supervisor.wait()
