"""The stage of the demo: supervisord with the forecast service, its workers, the load, the checker and the hog."""

import asyncio
import os
import socket
import sys
from configparser import ConfigParser
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

POOL = 10
HOGS = 5
_START_SECONDS = 20.0


@dataclass(frozen=True)
class Stats:
    """The service as it was measured over the last seconds. ``accuracy``, ``busy`` and ``cpu_share`` are 0 to 1."""

    p95_ms: float
    queue_depth: int
    accuracy: float
    workers: int
    busy: float
    cpu_share: float


class Stage:
    """Runs the processes as an async context manager; everything is written into ``folder``."""

    def __init__(self, folder: Path, webhook_url: str, webhook_token: str) -> None:
        self._folder = folder
        self._config = folder / "supervisord.conf"
        self._webhook_url, self._token = webhook_url, webhook_token
        self._port = _free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def scale_out_argv(self) -> list[str]:
        """Starts the whole pool; may be run twice."""
        return self._control("start", "forecast:*")

    @property
    def scale_in_argv(self) -> list[str]:
        """Stops all workers but the first."""
        return self._control("stop", *(f"forecast:worker-{i}" for i in range(1, POOL)))

    def _control(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self._config), *words]

    async def __aenter__(self) -> "Stage":
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._config.open("w") as file:
            self._describe().write(file)
        command = (sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(self._config))
        environment = {**os.environ, "TANDEM_DEMO_TOKEN": self._token}
        with (self._folder / "stage.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
        async with asyncio.timeout(_START_SECONDS):
            while not await self._answers():
                await asyncio.sleep(0.1)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()

    async def _answers(self) -> bool:
        try:
            return (await self.stats()).workers > 0
        except aiohttp.ClientError:
            return False

    async def stats(self) -> Stats:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self._port}/stats") as answer:
            return Stats(**await answer.json())

    async def start_hog(self) -> None:
        await self._supervise("start", "noisy-neighbour:*")

    async def stop_hog(self) -> None:
        await self._supervise("stop", "noisy-neighbour:*")

    async def _supervise(self, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(*self._control(*words), stdout=asyncio.subprocess.DEVNULL)
        code = await process.wait()
        if code:
            raise RuntimeError(f"supervisorctl {' '.join(words)} ended with exit code {code}")

    def _describe(self) -> ConfigParser:
        """supervisord's configuration. http://supervisord.org/configuration.html"""
        described = ConfigParser(interpolation=None)
        control = self._folder / "control.sock"
        described["unix_http_server"] = {"file": str(control), "chmod": "0700"}
        described["supervisorctl"] = {"serverurl": f"unix://{control}"}
        described["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        described["supervisord"] = {
            "logfile": str(self._folder / "supervisord.log"),
            "pidfile": str(self._folder / "supervisord.pid"),
            "childlogdir": str(self._folder),
        } | ({"user": "root"} if os.geteuid() == 0 else {})
        port = f"--port {self._port}"
        described["program:forecast-api"] = _program(f"-m bot.demo.service {port}")
        described["program:shops"] = _program(f"-m bot.demo.load {port}")
        checker = f"-m bot.demo.checker {port} --webhook-url {self._webhook_url} --storyteller {os.getpid()}"
        described["program:checker"] = _program(checker)
        workers = [f"worker-{i}" for i in range(POOL)]
        for i, name in enumerate(workers):
            described[f"program:{name}"] = _program(f"-m bot.demo.worker {port} --name {name}", autostart=i == 0)
        described["group:forecast"] = {"programs": ",".join(workers)}
        hogs = [f"hog-{i}" for i in range(HOGS)]
        for name in hogs:
            described[f"program:{name}"] = _program("-m bot.demo.hog", autostart=False)
        described["group:noisy-neighbour"] = {"programs": ",".join(hogs)}
        return described


def _program(arguments: str, autostart: bool = True) -> dict[str, str]:
    return {
        "command": f"{sys.executable} {arguments}",
        "autostart": str(autostart).lower(),
        "startsecs": "0",
        "stopwaitsecs": "3",
        "redirect_stderr": "true",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
