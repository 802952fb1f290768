"""Watchdog: force the process to exit if its shutdown hangs."""

import os
import threading

import structlog

SHUTDOWN_SECONDS = 60.0
"""Longer than everything that a shutdown waits for: requests, a step of a run, the handover of leases."""
EXIT_STUCK = 70  # EX_SOFTWARE of sysexits.h

log = structlog.get_logger(__name__)


def force_exit_after(seconds: float = SHUTDOWN_SECONDS) -> None:
    """Exit after so many seconds if the process is still there: a library may wait for a database that is gone.

    Nothing is lost by it: what was acknowledged is on disk, as after ``kill -9``.
    """
    timer = threading.Timer(seconds, _exit, [seconds])
    timer.daemon = True
    timer.start()


def _exit(seconds: float) -> None:
    log.error("tandem.stuck", reason=f"the shutdown did not end within {seconds:g} s")
    os._exit(EXIT_STUCK)
