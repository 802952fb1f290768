"""A new SQLite file is made from a snapshot of the schema: to run each migration takes half a second and Alembic.

The snapshot is what the migrations make, dumped (``python -m tests.schema_snapshot``). Where migrations came after it,
they are run on top, as on any database of before.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, inspect

NAME = "snapshot.sql"


def make_new(connection: Connection, migrations: Path) -> bool:
    """Fill an empty database, within the transaction of the connection; False, and nothing done, where it is not empty.

    >>> from sqlalchemy import create_engine
    >>> with create_engine("sqlite://").begin() as connection:
    ...     folder = Path(__file__).parent
    ...     make_new(connection, folder), make_new(connection, folder)
    (True, False)
    """
    snapshot = migrations / NAME
    if not snapshot.exists() or inspect(connection).get_table_names():
        return False
    for statement in statements_in(snapshot.read_text()):
        connection.exec_driver_sql(statement)
    return True


def statements_in(script: str) -> Iterator[str]:
    """One after the other; a trigger is one, with the statements in it.

    >>> list(statements_in("DROP TABLE a;\\nCREATE TRIGGER t AFTER DELETE ON b\\nBEGIN SELECT 1;\\nEND;\\n"))
    ['DROP TABLE a;', 'CREATE TRIGGER t AFTER DELETE ON b\\nBEGIN SELECT 1;\\nEND;']
    """
    lines: list[str] = []
    for line in script.splitlines():
        lines.append(line)
        if line.endswith(";") and sqlite3.complete_statement(statement := "\n".join(lines)):
            yield statement
            lines.clear()
