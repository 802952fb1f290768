"""Runs a program under a supervisor of its own, which has no secret and ends the program when the bot ends.

See :mod:`bot.remediation.step_supervisor`. While it runs, a lock file is held: a Tandem that starts after a crash waits
until whatever the one before it had started is gone, before it does anything.
"""

import asyncio
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from bot.errors import StorageUnavailable
from bot.remediation import step_supervisor

_PROGRAM = step_supervisor.__file__
_SLACK = 15.0
"""So much longer than a step may take its supervisor may: to end what will not end, and to answer."""
_LOOK_EVERY = 0.05


class Job(msgspec.Struct, frozen=True):
    """What is run, and of its output how many bytes of each end are kept. ``lock`` is the supervisor's own business."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str | None
    timeout: float
    most: int
    lock: int | None = None


class Ended(msgspec.Struct, frozen=True):
    """How it ended: ``refused`` where it could not be started, ``why`` where it had to be ended."""

    code: int | None = None
    why: str = ""
    refused: str = ""
    head: bytes = b""
    tail: bytes = b""
    left_out: int = 0


async def run_supervised(job: Job, lock: Path | None) -> Ended:
    """Run a program to its end. Broken off, it has ended, with all that it started, when this returns."""
    starting = asyncio.ensure_future(asyncio.to_thread(_start, job, lock))
    try:
        supervisor = await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(OSError):
            await _end(await starting)
        raise
    try:
        async with asyncio.timeout(job.timeout + _SLACK):
            answer = await _read(supervisor)
    except TimeoutError:
        supervisor.kill()
        answer = b""
    finally:
        await asyncio.shield(asyncio.ensure_future(_end(supervisor)))
    if not answer:
        return Ended(why="its supervisor was ended before it could say how the program ended")
    return msgspec.json.decode(answer, type=Ended)


def _start(job: Job, lock: Path | None) -> subprocess.Popen[bytes]:
    """Start the supervisor and give it the job. Its environment is empty, and it inherits nothing else."""
    held = None if lock is None else os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if held is not None:
            fcntl.flock(held, fcntl.LOCK_SH)
        supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-X", "utf8", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            start_new_session=True,
            pass_fds=() if held is None else (held,),
        )
    finally:
        if held is not None:
            os.close(held)
    assert supervisor.stdin is not None
    with suppress(BrokenPipeError):
        supervisor.stdin.write(msgspec.json.encode(msgspec.structs.replace(job, lock=held)) + b"\n")
        supervisor.stdin.flush()
    return supervisor


async def _read(supervisor: subprocess.Popen[bytes]) -> bytes:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), supervisor.stdout
    )
    try:
        return await reader.read()
    finally:
        transport.close()


async def _end(supervisor: subprocess.Popen[bytes]) -> None:
    """Let go of it, which ends whatever it still runs, and wait until it is gone."""
    assert supervisor.stdin is not None
    with suppress(BrokenPipeError):
        supervisor.stdin.close()
    try:
        await asyncio.to_thread(supervisor.wait, _SLACK)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        await asyncio.to_thread(supervisor.wait)


def wait_for_earlier_steps(lock: Path, seconds: float) -> None:
    """Wait until no program runs that a Tandem before this one started. Raises StorageUnavailable after so long."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb") as file:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    why = "a step that an earlier Tandem started is still running: end it, or wait for its end"
                    raise StorageUnavailable(f"{why} ({lock})") from None
            time.sleep(_LOOK_EVERY)
