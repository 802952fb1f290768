"""What DBOS stores is JSON, and what it stored before is read as plain values and nothing more."""

import base64
import os
import pickle
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from bot.domain.run import RunStatus
from bot.remediation import workflow_store


def _stored(value: object) -> str:
    return base64.b64encode(pickle.dumps(value)).decode()


class _Calls:
    def __init__(self, what: Callable[..., object], *arguments: object) -> None:
        self._called = what, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._called


@pytest.mark.parametrize(
    "value", [True, None, (2, 0), 1795581344.5, "It failed.", {"args": ("a run",), "kwargs": {}}], ids=repr
)
def test_what_an_older_release_stored_of_a_run_is_read(value: object) -> None:
    assert workflow_store.plain_value(_stored(value)) == value


@pytest.mark.parametrize(
    "value",
    [_Calls(os.getpid), _Calls(eval, "1"), _Calls(getattr, "x", "upper"), RunStatus.FAILED],
    ids=["os.getpid", "eval", "getattr", "an enum"],
)
def test_a_pickle_that_names_anything_to_be_called_is_refused(value: object) -> None:
    with pytest.raises(pickle.UnpicklingError, match="only plain values are read"):
        workflow_store.plain_value(_stored(value))


def test_an_old_sqlite_tells_the_time_in_fractions_of_seconds_also_where_a_column_has_it_by_default() -> None:
    before = time.time() * 1000
    with closing(sqlite3.connect(":memory:", factory=workflow_store.SubsecondConnection)) as connection:
        connection.execute("CREATE TABLE t (x, at INTEGER NOT NULL DEFAULT (unixepoch('subsec') * 1000))")
        connection.execute("INSERT INTO t (x) VALUES (1)")
        [(at,)] = connection.execute("SELECT at FROM t").fetchall()
    assert before <= at <= time.time() * 1000
