"""The executor ``command`` on real processes: what it starts, what it shows, and that it leaves nothing running."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from bot.domain.run import PlannedStep
from bot.remediation.executors import Outcome, execute
from bot.remediation.executors.step import MAX_OUTPUT
from tests.acceptance.harness import until
from tests.integration.executors.contexts import context

SECRETS = {"DEPLOY": "s3cr3t-of-the-deployment", "SHORTER": "s3cr3t"}


async def _run(*argv: str, **parameters: Any) -> Outcome:
    return await execute(PlannedStep("command", {"argv": list(argv), **parameters}), context(SECRETS))


async def _python(script: str, *argv: str, **parameters: Any) -> Outcome:
    return await _run(sys.executable, "-c", script, *argv, **parameters)


async def _ended(pid: int) -> None:
    async def gone() -> bool:
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    await until(gone, f"process {pid} has ended")


async def test_arguments_reach_the_program_as_they_are_and_no_shell_looks_at_them() -> None:
    odd = ["$HOME", "`id`", "a; id", "a && id", "a | id", "> x", "*", "", " b ", '"', "'", "\\", "ü\n"]
    assert await _python("import sys; print(sys.argv[1:])", *odd) == Outcome(True, repr(odd))


async def test_the_program_sees_its_own_variables_and_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TANDEM_SECRET_DEPLOY", "TANDEM_WEBHOOK_TOKEN", "TANDEM_DATABASE_URL", "SLACK_BOT_TOKEN"):
        monkeypatch.setenv(name, "ours")
    outcome = await _run("/usr/bin/env", env={"REGION": "eu", "LANG": "C"})
    variables = dict(line.split("=", 1) for line in outcome.output.splitlines())
    assert "ours" not in outcome.output
    assert (variables["REGION"], variables["LANG"]) == ("eu", "C")
    assert "PATH" in variables


async def test_the_program_sees_our_proxies_but_none_with_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "localhost,10.0.0.0/8")
    monkeypatch.setenv("HTTP_PROXY", "http://bot:ours@proxy:3128")
    outcome = await _run("/usr/bin/env")
    variables = dict(line.split("=", 1) for line in outcome.output.splitlines())
    assert (variables["HTTPS_PROXY"], variables["no_proxy"]) == ("http://proxy:3128", "localhost,10.0.0.0/8")
    assert "HTTP_PROXY" not in variables and "ours" not in outcome.output


async def test_the_program_runs_in_its_folder_and_has_nothing_to_read(tmp_path: Path) -> None:
    outcome = await _python("import os, sys; print(os.getcwd(), repr(sys.stdin.read()))", cwd=str(tmp_path))
    assert outcome == Outcome(True, f"{tmp_path} ''")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("print('fine')", "fine"),
        ("import sys; print('no room', file=sys.stderr); sys.exit(3)", "no room\nexit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\x00\\x1b[31mred\\x1b[0m\\r\\n')", "\ufffdred"),
    ],
)
async def test_what_the_program_says_and_how_it_ends_is_told(script: str, said: str) -> None:
    assert await _python(script) == Outcome("exit code" not in said and "signal" not in said, said)


@pytest.mark.parametrize(
    ("argv", "options", "said"),
    [
        (["no-such-program"], {}, "no-such-program cannot be started"),
        (["/dev/null"], {}, "Permission denied"),
        (["true"], {"cwd": "/no/such/folder"}, "true cannot be started in /no/such/folder"),
    ],
)
async def test_a_program_that_cannot_be_started_is_the_steps_failure(
    argv: list[str], options: dict[str, Any], said: str
) -> None:
    outcome = await _run(*argv, **options)
    assert not outcome.ok
    assert said in outcome.output


async def test_what_takes_too_long_is_ended_with_all_its_children() -> None:
    began = time.monotonic()
    outcome = await _run("sh", "-c", "sleep 60 & echo $!; sleep 60 & echo $!; echo $$; wait", timeout="1s")
    assert time.monotonic() - began < 10
    assert not outcome.ok
    *pids, said = outcome.output.splitlines()
    assert said == "ended: it took longer than 1 s"
    assert len(pids) == 3
    for pid in pids:
        await _ended(int(pid))


async def test_what_will_not_end_when_asked_is_made_to() -> None:
    outcome = await _run("sh", "-c", "trap '' TERM; echo $$; sleep 60", timeout="1s")
    pid, said = outcome.output.splitlines()
    assert said == "ended: it took longer than 1 s"
    await _ended(int(pid))


async def test_a_step_that_is_given_up_leaves_nothing_running(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    script = f"sleep 60 & echo $! $$ > {told}.new; mv {told}.new {told}; wait"
    step = asyncio.create_task(_run("sh", "-c", script))

    async def running() -> bool:
        return told.exists()

    await until(running, "the program runs")
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    for pid in told.read_text().split():
        await _ended(int(pid))


@pytest.mark.parametrize("turns", range(4))
async def test_a_step_that_is_given_up_while_it_starts_leaves_nothing_running(turns: int, tmp_path: Path) -> None:
    """After so many turns of a loop that is slow: the program, if it was started, is well under way meanwhile."""
    seconds = f"60.{os.getpid()}{turns}"
    step = asyncio.create_task(_run("sh", "-c", f"sleep {seconds} & echo > {tmp_path}/under-way; wait"))
    for _ in range(turns):
        await asyncio.sleep(0)
    deadline = time.monotonic() + 0.5
    while not (tmp_path / "under-way").exists() and time.monotonic() < deadline:
        time.sleep(0.01)  # noqa: ASYNC251  (the loop stands still)
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step

    async def gone() -> bool:
        return not any(
            seconds in " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])
        )

    await until(gone, "all have ended")


async def test_of_a_long_output_the_beginning_and_the_end_are_kept() -> None:
    outcome = await _python("print('begin' + 'x' * 3_000_000 + 'end')")
    assert outcome.ok
    assert outcome.output.startswith("beginxxx")
    assert outcome.output.endswith("xxxend")
    assert "bytes left out" in outcome.output
    assert len(outcome.output) < MAX_OUTPUT + 100


async def test_an_endless_output_fills_no_memory() -> None:
    before = psutil.Process().memory_info().rss
    outcome = await _run("yes", timeout="1s")
    assert not outcome.ok
    assert len(outcome.output) < MAX_OUTPUT + 200
    assert psutil.Process().memory_info().rss - before < 2**25


async def test_secrets_are_masked_also_when_they_come_in_pieces_or_begin_alike() -> None:
    script = "import sys, time\nfor part in sys.argv[1:]: print(part, end='', flush=True); time.sleep(0.05)"
    outcome = await _python(script, "token s3cr3t", "-of-the-depl", "oyment and s3cr3t and s3\x1b[0mcr3t")
    assert outcome == Outcome(True, "token *** and *** and ***")


@pytest.mark.parametrize("before", range(0, len(SECRETS["DEPLOY"]), 5))
async def test_no_part_of_a_secret_shows_where_an_output_is_cut(before: int) -> None:
    """The output is all secrets, and shrinks when they are masked, so that the places of the cuts are shown."""
    outcome = await _python(f"print('.' * {before} + {SECRETS['DEPLOY']!r} * 3000)")
    assert outcome.ok
    assert set(outcome.output.replace("bytes left out", "")) <= set(".*… \n0123456789")
