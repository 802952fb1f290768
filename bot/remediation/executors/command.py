"""``command``: runs a program with an argument list. No shell is involved.

The program sees a small environment without our secrets, nothing on stdin, and is ended with all its children when its
time is up or the bot ends. A daemon that it leaves behind when it ends by itself lives on.
"""

import asyncio
import os
import shlex
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from bot.remediation.executors.registry import executor
from bot.remediation.executors.step import MAX_OUTPUT, Outcome, StepContext, StepParameters, presentable
from bot.remediation.supervised import Job, run_supervised

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "TMPDIR", "SSL_CERT_FILE", "KUBECONFIG")

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


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


def _proxies() -> dict[str, str]:
    """The proxies of our environment. One with a password is left out: others can read a program's environment."""
    given = {name: value for name, value in os.environ.items() if name.lower() in _PROXIES}
    return {name: value for name, value in given.items() if "@" not in value}


@executor("command", CommandParameters, describe)
async def run(parameters: CommandParameters, context: StepContext) -> Outcome:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment = inherited | _proxies() | parameters.env
    job = Job(parameters.argv, environment, parameters.cwd, parameters.timeout.total_seconds(), MAX_OUTPUT)
    try:
        ended = await run_supervised(job, context.protection.lock)
    except OSError as error:
        return Outcome(False, f"{parameters.argv[0]} cannot be started: {error}")
    if ended.refused:
        where = f" in {parameters.cwd}" if parameters.cwd else ""
        return Outcome(False, f"{parameters.argv[0]} cannot be started{where}: {ended.refused}")
    output = await asyncio.to_thread(presentable, ended.head, ended.left_out, context.hidden, ended.tail)
    if ended.why or ended.code != 0:
        return Outcome(False, f"{output}\n{ended.why or _ending(ended.code)}".strip())
    return Outcome(True, output)


def _ending(code: int | None) -> str:
    return f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
