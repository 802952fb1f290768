"""``tandem demo`` ends by the signals that people and scripts send, with its processes and its folder."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

_AS_IN_THE_BACKGROUND = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, "-m", "bot.cli", "demo", "--auto"])
"""
"""A shell without job control starts what stands before an ``&`` like this."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """For temporary files; its name is short, as sockets lie there."""
    name = Path(tempfile.mkdtemp(prefix="t"))
    yield name
    shutil.rmtree(name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "SIGTERM"])
def test_the_demo_in_the_background_of_a_script_ends_with_all_its_processes_and_its_folder(
    folder: Path, number: signal.Signals
) -> None:
    program = subprocess.Popen(
        (sys.executable, "-c", _AS_IN_THE_BACKGROUND),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    processes: list[psutil.Process] = []
    try:
        assert program.stdout is not None
        assert program.stdout.readline().startswith(b"Chapter 1")
        processes = psutil.Process(program.pid).children(recursive=True)
        assert len(processes) >= 5
        program.send_signal(number)
        rest, _ = program.communicate(timeout=30)
        assert program.returncode == 128 + number
        assert b"Traceback" not in rest
        _, alive = psutil.wait_procs(processes, timeout=5)
        assert alive == []
        assert list(folder.iterdir()) == []
    finally:
        for process in processes:
            if process.is_running():
                process.kill()
        program.kill()
        program.wait()
