"""The hosts of the forecast pool: the cores of this machine stand for them."""

import os

ONE_HOST = not hasattr(os, "sched_setaffinity")
"""Some systems (macOS) let nobody choose a core: there the whole machine is the one host."""


def stay_on(host: int) -> None:
    """Bind this process to a core: host 0 is where the noisy neighbour lives, the others follow it in turn.

    Further workers help on host 0, too, as the scheduler shares it fairly: more workers get more of it. So scaling out
    works with a single core, and where the other cores have other work.
    """
    if ONE_HOST:
        return
    cores = sorted(os.sched_getaffinity(0), reverse=True)
    os.sched_setaffinity(0, {cores[host % len(cores)]})


def cores() -> int:
    """How many cores host 0 has."""
    return (os.cpu_count() or 1) if ONE_HOST else 1
