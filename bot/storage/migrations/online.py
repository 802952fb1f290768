"""What a migration does to a big table while other replicas work on it."""

import sqlalchemy as sa
from alembic import op


def create_index(name: str, table: str, columns: list[str], where: sa.TextClause | None = None) -> None:
    """On PostgreSQL without keeping writers out, which no transaction may hold: it is all that its migration does.

    What an interrupted attempt left is made anew. https://www.postgresql.org/docs/current/sql-createindex.html
    """
    if op.get_bind().dialect.name == "sqlite":
        op.create_index(name, table, columns, unique=False, sqlite_where=where)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, unique=False, postgresql_where=where, postgresql_concurrently=True)
