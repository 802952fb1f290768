"""Keeps what this process knows from other processes of the same user: its environment, which holds its secrets.

What the kernel shows as ``/proc/PID/environ`` is where the environment was when the program began. The variables are
moved elsewhere and that place is wiped, so that nobody finds a secret there, not even root. Besides, the process is
marked as not dumpable: without being root, nobody of the same user may read its memory.
https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
"""

import ctypes
import os
from pathlib import Path

_SET_DUMPABLE = 4
_ENV_START, _ENV_END = 47, 48
"""Which fields of /proc/self/stat, counted behind the program's name."""


def conceal() -> None:
    """Hide the environment and the memory of this process, where the system has a way."""
    try:
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
        library = ctypes.CDLL(None)
    except (OSError, ValueError, IndexError):
        return
    if 0 < start < end:
        for name, value in os.environb.items():
            os.putenv(name, value)  # copied: from now on nothing points to where it was
        ctypes.memset(start, 0, end - start)
    library.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
