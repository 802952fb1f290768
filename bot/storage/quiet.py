"""Quiet: a loop that looks for work again and again leaves out the looks that would find what the last one found.

A look is some transactions, so an idle process would spend most of its time on them. SQLite counts the commits of a
file, whichever connection or process makes them, and to read that count takes microseconds. PostgreSQL has no such
count: there each look is taken. https://www.sqlite.org/pragma.html#pragma_data_version
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

CommitCount = Callable[[], int | None]
"""Another number after each commit, whoever made it; None where only a look can tell what is new."""


class FileCommits:
    """The count of a SQLite file. ``close`` lets go of it until it is read again."""

    def __init__(self, path: str) -> None:
        self._address = f"{Path(path).absolute().as_uri()}?mode=rw"
        self._connection: sqlite3.Connection | None = None

    def count(self) -> int | None:
        """None where the file does not answer: a look will say why."""
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._address, uri=True, timeout=0, check_same_thread=False)
            [version] = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return None
        return int(version)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Quiet:
    """``begin`` before a look, ``found_nothing`` after one that need not be repeated before something is committed."""

    def __init__(self, *counts: CommitCount) -> None:
        self._counts = counts
        self._began: list[int] | None = None
        self._seen: list[int] | None = None

    @property
    def lasts(self) -> bool:
        """Whether a look would find nothing."""
        return self._seen is not None and self._seen == self._now()

    def begin(self) -> None:
        self._seen, self._began = None, self._now()

    def found_nothing(self) -> None:
        self._seen = self._began

    def _now(self) -> list[int] | None:
        counts = [count() for count in self._counts]
        known = [count for count in counts if count is not None]
        return known if len(known) == len(counts) else None
