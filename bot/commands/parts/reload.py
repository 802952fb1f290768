"""``tandem reload``: asks each process that runs here, and waits for what becomes of it."""

import os
import signal
import time

from bot.errors import TandemError
from bot.health.running import Note, all_running

PATIENCE = 60.0
_EVERY = 0.05


def reload_all(database_url: str) -> list[Note]:
    """The notes of all processes afterwards. Raises TandemError where none runs, or one does not say in time."""
    before = all_running(database_url)
    if not before:
        raise TandemError("no Tandem runs here on the database that TANDEM_DATABASE_URL names")
    for note in before:
        os.kill(note.pid, signal.SIGHUP)
    return [_after(database_url, note) for note in before]


def _after(database_url: str, before: Note) -> Note:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        now = next((note for note in all_running(database_url) if note.pid == before.pid), None)
        if now is None:
            raise TandemError(f"process {before.pid} has ended: its log says why")
        if now.reloads > before.reloads:
            return now
        time.sleep(_EVERY)
    raise TandemError(f"process {before.pid} has not taken it within {PATIENCE:g} s: its log says more")
