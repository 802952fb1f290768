"""``command``: runs a program with an argument list. No shell is involved.

The program sees a small environment without our secrets, nothing on stdin, and is ended with all its children
when its time is up.
"""

import asyncio
import os
import shlex
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated

from pydantic import Field

from bot.remediation.executors.registry import executor
from bot.remediation.executors.step import MAX_OUTPUT, Outcome, StepParameters, presentable

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "TMPDIR", "SSL_CERT_FILE", "KUBECONFIG")
_GRACE = 2.0


class CommandParameters(StepParameters):
    argv: Annotated[list[str], Field(min_length=1, max_length=100)]
    env: dict[str, str] = Field(default={})
    cwd: str | None = None


def describe(parameters: CommandParameters) -> str:
    variables = [f"{name}={shlex.quote(value)}" for name, value in sorted(parameters.env.items())]
    where = [f"(in {parameters.cwd})"] if parameters.cwd else []
    return " ".join([*variables, shlex.join(parameters.argv), *where])


class _Tail:
    """The beginning and the end of an output, in bounded memory."""

    def __init__(self) -> None:
        self._head, self._tail, self.left_out = b"", b"", 0

    def add(self, chunk: bytes) -> None:
        room = MAX_OUTPUT - len(self._head)
        self._head += chunk[:room]
        rest = self._tail + chunk[room:]
        self._tail = rest[-MAX_OUTPUT:]
        self.left_out += len(rest) - len(self._tail)

    @property
    def text(self) -> bytes:
        return self._head + self._tail


@executor("command", CommandParameters, describe)
async def run(parameters: CommandParameters, secrets: Mapping[str, str]) -> Outcome:
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ} | parameters.env
    try:
        process = await asyncio.create_subprocess_exec(
            *parameters.argv,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=environment,
            cwd=parameters.cwd,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Outcome(False, f"{parameters.argv[0]} cannot be started: {error}")
    output = _Tail()
    timeout = parameters.timeout.total_seconds()
    try:
        async with asyncio.timeout(timeout):
            await _collect(process, output)
            code = await process.wait()
    except TimeoutError:
        await _end(process)
        said = presentable(output.text, output.left_out, secrets.values())
        return Outcome(False, f"{said}\nended: it took longer than {timeout:g} s".strip())
    except asyncio.CancelledError:
        _signal(process, signal.SIGKILL)
        raise
    said = presentable(output.text, output.left_out, secrets.values())
    return Outcome(code == 0, said if code == 0 else f"{said}\n{_ending(code)}".strip())


async def _collect(process: Process, output: _Tail) -> None:
    assert process.stdout is not None
    while chunk := await process.stdout.read(65_536):
        output.add(chunk)


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by signal {-code}"


async def _end(process: Process) -> None:
    """Ask the whole session to end, then make it."""
    _signal(process, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE):
            await process.wait()
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
