"""``command``: runs a program with an argument list. No shell is involved.

The program sees a small environment without our secrets, nothing on stdin, and is ended with all its children when its
time is up or the bot ends. A daemon that it leaves behind when it ends by itself lives on.
"""

import asyncio
import os
import shlex
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from bot.remediation.executors.answers import MAX_COMPARED, UNLIKE_ANY, Same, digest_of
from bot.remediation.executors.registry import executor, previews
from bot.remediation.executors.step import (
    MAX_OUTPUT,
    PREVIEW_TIMEOUT,
    Foreseen,
    Outcome,
    StepContext,
    StepParameters,
    is_none,
    presentable,
)
from bot.remediation.supervised import Ended, Job, run_supervised

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "TMPDIR", "SSL_CERT_FILE", "KUBECONFIG")

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def _check_text(text: str) -> str:
    if "\0" in text:
        raise ValueError("no program can be given a NUL")
    return text


_Text = Annotated[str, AfterValidator(_check_text)]
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


_Argv = Annotated[list[_Text], Field(min_length=1, max_length=100)]


def _spelled_out(given: Any) -> Any:
    return {"argv": given} if isinstance(given, list) else given


class CommandPreview(BaseModel):
    """A program that says what the step would change. Its environment and directory are the step's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    argv: _Argv
    """The program and its arguments."""
    expect: int | Annotated[list[int], Field(min_length=1)] = 0
    """The exit codes that mean that it would work; those of `kubectl diff` are `[0, 1]`."""
    same: Same | None = None
    """What the step must say as well: `output`, or a list of dotted paths in output that is JSON."""

    def expects(self, code: int | None) -> bool:
        return code in ([self.expect] if isinstance(self.expect, int) else self.expect)


class CommandParameters(StepParameters):
    argv: _Argv
    """The program and its arguments; there is no shell."""
    env: dict[_Name, _Text] = Field(default={})
    """Environment variables."""
    cwd: _Text | None = None
    """The working directory."""
    preview: Annotated[CommandPreview | None, BeforeValidator(_spelled_out)] = Field(None, exclude_if=is_none)
    """A program that says what it would change, run before anybody approves: an `argv`, or a mapping with one."""

    @model_validator(mode="after")
    def _previewed_by_another(self) -> "CommandParameters":
        if self.preview and self.preview.argv == self.argv:
            raise ValueError("preview: this is the step itself, and a preview may change nothing")
        return self


def describe(parameters: CommandParameters) -> str:
    variables = [f"{name}={shlex.quote(value)}" for name, value in sorted(parameters.env.items())]
    where = [f"(in {parameters.cwd})"] if parameters.cwd else []
    line = " ".join([*variables, shlex.join(parameters.argv), *where])
    return f"{line}\n  (previewed by: {shlex.join(parameters.preview.argv)})" if parameters.preview else line


def _proxies() -> dict[str, str]:
    """The proxies of our environment. One with a password is left out: others can read a program's environment."""
    given = {name: value for name, value in os.environ.items() if name.lower() in _PROXIES}
    return {name: value for name, value in given.items() if "@" not in value}


@executor("command", CommandParameters, describe)
async def run(parameters: CommandParameters, context: StepContext) -> Outcome:
    same = parameters.preview.same if parameters.preview else None
    ended = await _ended(parameters, parameters.argv, parameters.timeout.total_seconds(), same, context)
    if isinstance(ended, str):
        return Outcome(False, ended)
    output = await _output(ended, context)
    if ended.why or ended.code != 0:
        return Outcome(False, f"{output}\n{ended.why or _ending(ended.code)}".strip())
    return Outcome(True, output, _digest(ended, same))


@previews("command")
async def preview(parameters: CommandParameters, context: StepContext) -> Foreseen | None:
    wanted = parameters.preview
    if wanted is None:
        return None
    seconds = min(parameters.timeout, PREVIEW_TIMEOUT).total_seconds()
    ended = await _ended(parameters, wanted.argv, seconds, wanted.same, context)
    if isinstance(ended, str):
        return Foreseen(False, ended)
    output = await _output(ended, context)
    if ended.why or not wanted.expects(ended.code):
        return Foreseen(False, f"{output}\n{ended.why or _ending(ended.code)}".strip())
    return Foreseen(True, output, _digest(ended, wanted.same))


async def _ended(
    parameters: CommandParameters, argv: list[str], seconds: float, same: Same | None, context: StepContext
) -> Ended | str:
    """How a program ended in the step's surroundings, or why it could not be started."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment = inherited | _proxies() | parameters.env
    job = Job(argv, environment, parameters.cwd, seconds, MAX_OUTPUT if same is None else MAX_COMPARED)
    try:
        ended = await run_supervised(job, context.protection.lock)
    except OSError as error:
        return f"{argv[0]} cannot be started: {error}"
    where = f" in {parameters.cwd}" if parameters.cwd else ""
    return f"{argv[0]} cannot be started{where}: {ended.refused}" if ended.refused else ended


async def _output(ended: Ended, context: StepContext) -> str:
    return await asyncio.to_thread(presentable, ended.head, ended.left_out, context.hidden, ended.tail)


def _digest(ended: Ended, same: Same | None) -> str:
    if same is not None and ended.left_out:
        return UNLIKE_ANY
    return digest_of(ended.head + ended.tail, same)


def _ending(code: int | None) -> str:
    return f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
