"""A running bot shows its environment and its memory to nobody."""

import asyncio
import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.concealment import conceal
from tests.acceptance.harness import until
from tests.programs import start_program

SECRET = "xoxb-of-the-bot-alone"
NOBODY = 65534
on_linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here")


@on_linux
async def test_the_environment_of_a_concealed_process_cannot_be_read_from_outside_and_is_there_within(
    tmp_path: Path,
) -> None:
    environment = {**os.environ, "SLACK_BOT_TOKEN": SECRET, "REGION": "eu"}
    program = await start_program(__name__, environment=environment, out=tmp_path / "log")

    async def concealed() -> bool:
        return "concealed" in (tmp_path / "log").read_text()

    try:
        await until(concealed, "the program is concealed", 30)
        shown = Path(f"/proc/{program.pid}/environ").read_bytes()
        assert SECRET.encode() not in shown
        assert shown.strip(b"\0") == b""
        assert f"{SECRET} eu dumpable 0" in (tmp_path / "log").read_text()
    finally:
        program.send_signal(9)
        await program.wait()


@on_linux
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_who_is_the_same_user_may_not_read_the_memory_of_a_concealed_process(tmp_path: Path) -> None:
    file = tmp_path / "log"
    program = await start_program(__name__, str(NOBODY), environment=os.environ, out=file)

    async def concealed() -> bool:
        return "concealed" in file.read_text()

    try:
        await until(concealed, "the program is concealed", 30)
        looking = ["python3", "-c", f"open('/proc/{program.pid}/mem', 'rb')"]
        looked = await asyncio.to_thread(subprocess.run, looking, user=NOBODY, capture_output=True, check=False)
        assert b"PermissionError" in looked.stderr
    finally:
        program.send_signal(9)
        await program.wait()


def _main(user: str | None = None) -> None:
    if user is not None:
        os.setuid(int(user))
        ctypes.CDLL(None).prctl(4, 1)  # a change of the user had the same effect
    conceal()
    values = os.environ.get("SLACK_BOT_TOKEN"), os.environ.get("REGION"), "dumpable", ctypes.CDLL(None).prctl(3)
    print(*values, "concealed", flush=True)
    time.sleep(60)


if __name__ == "__main__":
    _main(*sys.argv[1:])
