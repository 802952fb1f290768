"""Whether a sender has stopped, or one group of what it sends: the same for metrics and logs."""

PATIENCE = 600.0
"""So many seconds a group that is silent waits for others to show whether their sender still sends."""


def has_stopped(stopped: int, known: int, was_late: bool) -> bool:
    """Whether it is the sender: of ``known`` groups that come regularly so many have ``stopped``.

    ``was_late``: one of them was overdue already when the last of all came, so that it stopped by itself.

    >>> has_stopped(2, 2, was_late=True), has_stopped(2, 3, was_late=False), has_stopped(2, 3, was_late=True)
    (True, True, False)
    """
    return stopped > 1 and (stopped == known or not was_late)


def moment_to_judge(known: int, last: float, now: float) -> float:
    """When a group is judged by itself: at the last that came of any group, unless it is the only one. In seconds."""
    return now if known == 1 else min(max(last, now - PATIENCE), now)
