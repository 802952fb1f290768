"""Ends every process of the demo when the one that started it is gone, even by ``kill -9``."""

import os
import signal
from threading import Thread


def end_with_parent() -> None:
    """End this process by SIGTERM once standard input closes.

    Parents here hold the other end of it and never write. The kernel closes it whichever way they end, on every
    system, and no recycled process id can be mistaken for a living parent.
    """
    Thread(target=_wait, name="lifeline", daemon=True).start()


def _wait() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
