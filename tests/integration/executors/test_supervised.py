"""A step's program ends with the bot, whatever it has started; a daemon that it leaves behind lives on."""

import asyncio
import fcntl
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from bot.domain.run import PlannedStep
from bot.errors import StorageUnavailable
from bot.remediation.executors import Outcome, Protection, StepContext, execute
from bot.remediation.supervised import wait_for_earlier_steps
from tests.acceptance.harness import until
from tests.programs import start_program

LEAVES_SESSION = "import os, sys, time; os.setsid(); open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"


async def _run(*argv: str, lock: Path | None = None, **parameters: Any) -> Outcome:
    step = PlannedStep("command", {"argv": list(argv), **parameters})
    return await execute(step, StepContext("run", "incident", "step/0", {}, Protection(lock=lock)))


def _alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


async def _pid_in(file: Path) -> int:
    async def written() -> bool:
        return file.exists() and file.read_text().strip() != ""

    await until(written, f"{file.name} is written", 20)
    return int(file.read_text())


async def _ended(*pids: int) -> None:
    async def gone() -> bool:
        return not any(map(_alive, pids))

    await until(gone, f"{pids} have ended", 10)


@asynccontextmanager
async def _daemon_of(file: Path) -> AsyncIterator[int]:
    """A daemon that a step left behind, which is ended on leaving."""
    pid = await _pid_in(file)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def test_a_program_that_starts_a_daemon_and_returns_is_a_success_and_the_daemon_lives_on(tmp_path: Path) -> None:
    began = time.monotonic()
    script = f"nohup sleep 60 >/dev/null 2>&1 & echo $! > {tmp_path}/daemon; echo started"
    assert await _run("sh", "-c", script) == Outcome(True, "started")
    assert time.monotonic() - began < 10
    async with _daemon_of(tmp_path / "daemon") as pid:
        assert _alive(pid)


@pytest.mark.parametrize("by_itself", [False, True], ids=["in the session", "in a session of its own"])
async def test_a_daemon_that_keeps_the_output_open_holds_nobody_up_and_may_go_on_writing(
    by_itself: bool, tmp_path: Path
) -> None:
    script = (
        f"import os, time\nif {by_itself}: os.setsid()\nopen('{tmp_path}/daemon', 'w').write(str(os.getpid()))\n"
        f"while True: print('x' * 9999, flush=True); open('{tmp_path}/beats', 'a').write('.'); time.sleep(0.05)"
    )
    began = time.monotonic()
    outcome = await _run("sh", "-c", '"$0" -c "$1" & echo started', sys.executable, script, timeout="20s")
    assert outcome.ok
    assert outcome.output.startswith("started")
    assert time.monotonic() - began < 15
    async with _daemon_of(tmp_path / "daemon") as pid:
        beats = (tmp_path / "beats").stat().st_size

        async def beats_on() -> bool:
            return (tmp_path / "beats").stat().st_size > beats + 10

        await until(beats_on, "the daemon goes on")
        assert _alive(pid)


async def test_when_its_time_is_up_a_child_that_left_the_session_is_ended_too(tmp_path: Path) -> None:
    script = f'"$0" -c "$1" {tmp_path}/child & wait'
    step = asyncio.create_task(_run("sh", "-c", script, sys.executable, LEAVES_SESSION, timeout="3s"))
    pid = await _pid_in(tmp_path / "child")
    assert (await step).output == "ended: it took longer than 3 s"
    await _ended(pid)


async def test_a_program_that_failed_after_it_started_a_daemon_says_how_it_failed() -> None:
    assert await _run("sh", "-c", "sleep 5 & echo no; exit 3") == Outcome(False, "no\nexit code 3")


async def test_what_a_program_is_started_by_knows_nothing_of_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_WEBHOOK_TOKEN", "ours-and-nobody-elses")
    outcome = await _run("sh", "-c", "cat /proc/$PPID/environ; echo; ls /proc/self/fd | tr '\\n' ' '")
    assert outcome.ok
    environment, descriptors = outcome.output.splitlines() if "\n" in outcome.output else ("", outcome.output)
    assert environment == ""
    assert descriptors.split() == ["0", "1", "2", "3"]  # the last is the folder that ls reads


async def test_kill_9_of_the_bot_ends_the_step_with_all_that_it_started(tmp_path: Path) -> None:
    bot = await start_program(__name__, str(tmp_path), sys.executable, environment=os.environ, out=tmp_path / "log")
    program, child = await _pid_in(tmp_path / "program"), await _pid_in(tmp_path / "child")
    with (tmp_path / "lock").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    bot.send_signal(signal.SIGKILL)
    await bot.wait()
    await asyncio.to_thread(wait_for_earlier_steps, tmp_path / "lock", 10)
    assert not _alive(program)
    assert not _alive(child)


async def test_kill_9_of_the_supervisor_ends_the_program_and_the_step_failed(tmp_path: Path) -> None:
    step = asyncio.create_task(_run("sh", "-c", f"echo $$ > {tmp_path}/program; sleep 60; sleep 60"))
    program = await _pid_in(tmp_path / "program")
    psutil.Process(program).parent().kill()
    outcome = await step
    assert (outcome.ok, outcome.output) == (False, "its supervisor was ended before it could say how the program ended")
    await _ended(program)


async def test_who_starts_after_a_crash_does_not_go_on_beside_a_step_that_still_runs(tmp_path: Path) -> None:
    step = asyncio.create_task(_run("sh", "-c", f"echo $$ > {tmp_path}/program; sleep 60", lock=tmp_path / "lock"))
    await _pid_in(tmp_path / "program")
    with pytest.raises(StorageUnavailable, match="still running"):
        await asyncio.to_thread(wait_for_earlier_steps, tmp_path / "lock", 0.2)
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    await asyncio.to_thread(wait_for_earlier_steps, tmp_path / "lock", 0)


async def test_a_daemon_that_lives_on_does_not_hold_up_who_starts_later(tmp_path: Path) -> None:
    outcome = await _run("sh", "-c", f"sleep 60 & echo $! > {tmp_path}/daemon", lock=tmp_path / "lock")
    assert outcome.ok
    async with _daemon_of(tmp_path / "daemon") as pid:
        await asyncio.to_thread(wait_for_earlier_steps, tmp_path / "lock", 5)
        assert _alive(pid)


def _main(folder: str, python: str) -> None:
    """The bot of the test that kills it: one step, whose program starts a child that leaves its session."""
    script = f'echo $$ > {folder}/program; "$0" -c "$1" {folder}/child & sleep 60'
    run: Callable[[], Any] = lambda: _run("sh", "-c", script, python, LEAVES_SESSION, lock=Path(folder) / "lock")  # noqa: E731
    asyncio.run(run())


if __name__ == "__main__":
    _main(*sys.argv[1:])
