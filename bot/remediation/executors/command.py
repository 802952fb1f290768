"""``command``: runs a program with an argument list. No shell is involved.

The program sees a small environment without our secrets, nothing on stdin, and is ended with all its children
when its time is up.
"""

import asyncio
import os
import shlex
import signal
from asyncio import SubprocessProtocol
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from bot.remediation.executors.registry import executor
from bot.remediation.executors.step import MAX_OUTPUT, Outcome, StepContext, StepParameters, presentable

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "TMPDIR", "SSL_CERT_FILE", "KUBECONFIG")
_GRACE = 2.0


def _check_text(text: str) -> str:
    if "\0" in text:
        raise ValueError("no program can be given a NUL")
    return text


_Text = Annotated[str, AfterValidator(_check_text)]
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class CommandParameters(StepParameters):
    argv: Annotated[list[_Text], Field(min_length=1, max_length=100)]
    """The program and its arguments; there is no shell."""
    env: dict[_Name, _Text] = Field(default={})
    """Environment variables."""
    cwd: _Text | None = None
    """The working directory."""


def describe(parameters: CommandParameters) -> str:
    variables = [f"{name}={shlex.quote(value)}" for name, value in sorted(parameters.env.items())]
    where = [f"(in {parameters.cwd})"] if parameters.cwd else []
    return " ".join([*variables, shlex.join(parameters.argv), *where])


class _Tail:
    """The beginning and the end of an output, in bounded memory."""

    def __init__(self) -> None:
        self.head, self.tail, self.left_out = b"", b"", 0

    def add(self, chunk: bytes) -> None:
        room = MAX_OUTPUT - len(self.head)
        self.head += chunk[:room]
        rest = self.tail + chunk[room:]
        self.tail = rest[-MAX_OUTPUT:]
        self.left_out += len(rest) - len(self.tail)

    def presentable(self, secrets: Iterable[str]) -> str:
        if self.left_out:
            return presentable(self.head, self.left_out, secrets, self.tail)
        return presentable(self.head + self.tail, 0, secrets)


class _Watch(SubprocessProtocol):
    """Hears what a program says. ``done`` is set when it has ended and nobody holds its output open any more."""

    def __init__(self) -> None:
        self.said = _Tail()
        self.done = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.said.add(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set()


@executor("command", CommandParameters, describe)
async def run(parameters: CommandParameters, context: StepContext) -> Outcome:
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ} | parameters.env
    try:
        program, watch = await _start(parameters, environment)
    except (OSError, ValueError) as error:
        where = f" in {parameters.cwd}" if parameters.cwd else ""
        return Outcome(False, f"{parameters.argv[0]} cannot be started{where}: {error}")
    try:
        ending = await _wait(program.get_pid(), watch, parameters.timeout.total_seconds())
    finally:
        program.close()
    code = program.get_returncode()
    said = watch.said.presentable(context.secrets.values())
    if ending or code != 0:
        return Outcome(False, f"{said}\n{ending or _ending(code)}".strip())
    return Outcome(True, said)


async def _start(
    parameters: CommandParameters, environment: Mapping[str, str]
) -> tuple[asyncio.SubprocessTransport, _Watch]:
    """Start the program. A start that is broken off would end the program, and leave what that has started."""
    starting = asyncio.ensure_future(
        asyncio.get_running_loop().subprocess_exec(
            _Watch,
            *parameters.argv,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=environment,
            cwd=parameters.cwd,
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(OSError, ValueError):
            program, _ = await starting
            _signal(program.get_pid(), signal.SIGKILL)
            program.close()
        raise


async def _wait(pid: int, watch: _Watch, seconds: float) -> str:
    """Wait for the program's end; says so where it had to be ended."""
    try:
        async with asyncio.timeout(seconds):
            await watch.done.wait()
    except TimeoutError:
        await _end(pid, watch)
        return f"ended: it took longer than {seconds:g} s"
    except asyncio.CancelledError:
        _signal(pid, signal.SIGKILL)
        raise
    return ""


def _ending(code: int | None) -> str:
    return f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"


async def _end(pid: int, watch: _Watch) -> None:
    """Ask the whole session to end, then make it."""
    _signal(pid, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE):
            await watch.done.wait()
    _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
