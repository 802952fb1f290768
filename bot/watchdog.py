"""An end of the process that does not depend on anybody's answer."""

import os
import threading

import structlog

LEAVE_WITHIN = 60.0
"""Longer than whatever is waited for on the way out: requests, a step of a run, the hand-over."""
EXIT_STUCK = 70  # EX_SOFTWARE of sysexits.h

log = structlog.get_logger(__name__)


def end_within(seconds: float = LEAVE_WITHIN) -> None:
    """End the process after so many seconds if it is still there: a library may wait for a database that is gone.

    Nothing is lost by it: what was acknowledged is on disk, as after ``kill -9``.
    """
    timer = threading.Timer(seconds, _end, [seconds])
    timer.daemon = True
    timer.start()


def _end(seconds: float) -> None:
    log.error("tandem.stuck", reason=f"not everything came to an end within {seconds:g} s")
    os._exit(EXIT_STUCK)
