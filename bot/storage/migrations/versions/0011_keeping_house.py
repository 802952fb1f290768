"""The beginning of the audit log may go when its last seal stays; which programs may work on which schema"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_KEPT = "the audit log is only appended to"


def upgrade() -> None:
    op.create_table(
        "audit_anchor",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "schema_version",
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("works_with", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite()
    else:
        _guard_on_postgresql()


def _guard_on_sqlite() -> None:
    op.execute("DROP TRIGGER audit_no_delete")
    op.execute(
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
        "WHEN OLD.seq > (SELECT coalesce(max(seq), 0) FROM audit_anchor) "
        f"BEGIN SELECT RAISE(ABORT, '{_KEPT}'); END"
    )
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_anchor_no_{change.lower()} BEFORE {change} ON audit_anchor "
            f"BEGIN SELECT RAISE(ABORT, '{_KEPT}'); END"
        )


def _guard_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF OLD.seq > (SELECT coalesce(max(seq), 0) FROM audit_anchor) THEN "
        f"RAISE EXCEPTION '{_KEPT}'; END IF; RETURN OLD; END $$"
    )
    op.execute("DROP TRIGGER audit_no_change ON audit")
    op.execute(
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
    )
    op.execute("CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_keep()")
    op.execute(
        "CREATE TRIGGER audit_anchor_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_anchor "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
    )
