"""Programs under test, each a process of its own, forked from one that has imported everything already.

To import the bot costs 2 to 4 s of CPU, more than most tests do with it. A forked process is as real as any other: it
has its own memory, environment and signals, and can be killed, frozen and starved. What only a start from nothing can
show is tested with ``python -m``: the command line's imports, an upgrade from older code, the demo.
"""

import asyncio
import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.preloaded", __name__])


@dataclass(frozen=True)
class _Start:
    """What a forked process becomes. Output is added to the files; without ``err`` all of it goes to ``out``."""

    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    out: Path
    err: Path | None = None


class Running(Protocol):
    """A process, forked or begun as ``python -m`` (an ``asyncio.subprocess.Process`` is one as well)."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def send_signal(self, signal: int) -> None: ...

    async def wait(self) -> int: ...


class Program:
    """A process that runs a module, as ``python -m MODULE ARGUMENTS`` would."""

    def __init__(self, process: ForkServerProcess, stdin: Connection) -> None:
        self._process, self._stdin = process, stdin

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; the negative number of the signal that ended it, where one did."""
        return self._process.exitcode

    def send_signal(self, signal: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, signal)

    def write(self, line: str) -> None:
        """A line for its standard input."""
        os.write(self._stdin.fileno(), line.encode())

    def close_stdin(self) -> None:
        self._stdin.close()

    async def wait(self, seconds: float | None = None) -> int:
        """Returns its exit code. Raises TimeoutError."""
        await asyncio.to_thread(self._process.join, seconds)
        code = self.returncode
        if code is None:
            raise TimeoutError(f"process {self.pid} runs on after {seconds} s")
        return code


async def start_program(
    module: str, *arguments: str | Path, environment: Mapping[str, str], out: Path, err: Path | None = None
) -> Program:
    """Begin a program. It sees this environment and nothing of the tests' own."""
    for file in (out, err or out):
        file.touch()  # who reads it meanwhile need not wait for the process
    start = _Start(module, tuple(map(str, arguments)), dict(environment), out, err)
    theirs, ours = _context.Pipe(duplex=False)
    process = _context.Process(target=_become, args=(start, theirs), daemon=True)
    await asyncio.to_thread(process.start)  # the first one waits until the server has imported everything
    theirs.close()
    return Program(process, ours)


def _become(start: _Start, stdin: Connection) -> None:
    os.environ.clear()
    os.environ.update(start.environment)
    _redirect(start, stdin)
    sys.argv = [start.module, *start.arguments]
    sys.modules.pop(start.module, None)  # it becomes __main__
    runpy.run_module(start.module, run_name="__main__", alter_sys=True)


def _redirect(start: _Start, stdin: Connection) -> None:
    os.dup2(stdin.fileno(), 0)
    stdin.close()
    sys.stdin = os.fdopen(0, closefd=False)
    for number, path in ((1, start.out), (2, start.err or start.out)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(file, number)
        os.close(file)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, errors="backslashreplace", closefd=False)
