"""A process that was told to stop ends, whatever waits in it."""

import subprocess
import sys

STUCK = """
import threading
from bot.watchdog import force_exit_after
threading.Thread(target=threading.Event().wait).start()
force_exit_after({seconds})
"""


def test_a_process_in_which_a_thread_waits_for_ever_ends_in_time_and_says_so() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STUCK.format(seconds=0.2)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 70
    assert "tandem.stuck" in ended.stdout + ended.stderr


def test_one_that_comes_to_an_end_by_itself_is_not_held_up() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from bot.watchdog import force_exit_after; force_exit_after(600)"],
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0
