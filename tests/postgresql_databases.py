"""PostgreSQL's databases for tests: new ones, and ones with the newest schema that serve one test after another.

To copy a template costs nearly half a second of CPU, as a database is a thousand files; to delete what a test wrote
costs a fiftieth of that.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from bot.storage.database import open_database

_CATALOGS = ("class", "attribute", "attrdef", "index", "constraint", "trigger", "proc", "namespace", "db_role_setting")
_FINGERPRINT: LiteralString = "SELECT count(*), max(xmin::text::bigint) FROM pg_catalog."
_OTHERS = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
_TABLES = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public'"
_SEQUENCES = (
    "SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, start_value), last_value IS NOT NULL "
    "FROM pg_sequences"
)


@contextmanager
def postgresql_database(server: str, template: str = "template1") -> Iterator[str]:
    """The address of a new database, which is dropped afterwards; by default there is nothing in it."""
    url = _create(server, template)
    yield url
    _drop(server, url)


def _create(server: str, template: str) -> str:
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _drop(server: str, url: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)".encode())


async def migrate(url: str) -> None:
    database = open_database(url)
    await database.migrate()
    await database.close()


class Databases:
    """Copies of a template with the newest schema. Each is as the template was when a test is given it."""

    def __init__(self, server: str, template: str) -> None:
        self._server, self._template = server, template
        self._free: list[str] = []
        with psycopg.connect(make_url(server).set(database=template).render_as_string(False)) as connection:
            self._schema = _schema_of(connection)
            tables = [str(name) for (name,) in connection.execute(_TABLES)]
            self._kept = {name: rows for name in tables if (rows := _rows(connection, name))}
            clear = [f"DELETE FROM {name}" for name in tables]
            for name, last, called in connection.execute(_SEQUENCES):
                clear.append(f"SELECT setval('{name}', {last}, {called})")
        self._clear = "; ".join(["SET session_replication_role = replica", *clear]).encode()  # no trigger stops it

    @contextmanager
    def taken(self) -> Iterator[str]:
        """The address of one."""
        url = self._free.pop() if self._free else _create(self._server, self._template)
        try:
            yield url
        finally:
            if self._cleared(url):
                self._free.append(url)
            else:
                _drop(self._server, url)

    def _cleared(self, url: str) -> bool:
        """False where more than rows was changed, or somebody does not let go of it."""
        try:
            with psycopg.connect(url) as connection:
                if not all(gone for (gone,) in connection.execute(_OTHERS)) or _schema_of(connection) != self._schema:
                    return False
                connection.execute(self._clear)
                for name, rows in self._kept.items():
                    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(_quoted(name))) as copy:
                        copy.write(rows)
        except psycopg.Error:
            return False
        return True


def _schema_of(connection: psycopg.Connection) -> list[tuple[int, int]]:
    """Another one after every change of anything but rows."""
    parts = [sql.SQL(_FINGERPRINT) + sql.SQL("pg_" + name) for name in _CATALOGS]
    return connection.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall()


def _rows(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(_quoted(table))) as copy:
        return b"".join(bytes(part) for part in copy)


def _quoted(table: str) -> sql.Identifier:
    return sql.Identifier(*table.replace('"', "").split("."))
