"""``python -m tests.schema_snapshot`` writes anew the schema that a new SQLite file is made from: after a migration."""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine

from bot.storage import schema, version
from bot.storage.migrations.snapshot import NAME

SNAPSHOT = version.MIGRATIONS / NAME


def migrated(file: Path, scripts: Path = version.MIGRATIONS) -> None:
    """A SQLite file which all migrations have made, one by one."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        schema.upgrade(connection, scripts)
    engine.dispose()


def contents(file: Path) -> tuple[set[tuple[str, ...]], dict[str, list[tuple[object, ...]]]]:
    """What a SQLite file has: all that its schema names, as it was defined, and the rows of each table."""
    with closing(sqlite3.connect(file)) as connection:
        named = set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))
        tables = sorted(name for kind, name, *_ in named if kind == "table")
        return named, {table: connection.execute(f'SELECT * FROM "{table}"').fetchall() for table in tables}


def main() -> None:
    with TemporaryDirectory(prefix="tandem-schema-") as folder:
        file = Path(folder) / "tandem.db"
        migrated(file)
        with closing(sqlite3.connect(file)) as connection:
            dumped = [one for one in connection.iterdump() if "sqlite_sequence" not in one][1:-1]
    SNAPSHOT.write_text("".join(f"{statement}\n" for statement in dumped))


if __name__ == "__main__":
    main()
