"""Escalations and the calls they make, who is on call, who looks at an incident, and what a thread has already"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json, UtcDateTime

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _escalations()
    _calls()
    _schedules()
    op.create_table(
        "incident_seen",
        sa.Column("incident_id", sa.Text(), primary_key=True),
        sa.Column("person", sa.Text(), primary_key=True),
        sa.Column("at", UtcDateTime(), nullable=False),
    )
    op.add_column("timeline", sa.Column("posted", sa.Boolean(), nullable=False, server_default=sa.false()))


def _escalations() -> None:
    op.create_table(
        "escalation",
        sa.Column("incident_id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("wait_seconds", sa.Float(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    due, live = sa.text("due_at IS NOT NULL"), sa.text("state <> 'over'")
    op.create_index("escalation_due", "escalation", ["due_at"], sqlite_where=due, postgresql_where=due)
    op.create_index("escalation_live", "escalation", ["incident_id"], sqlite_where=live, postgresql_where=live)


def _calls() -> None:
    texts = ("escalation", "way", "act", "recipient", "text", "state", "reason")
    numbers = ("cycle", "round", "step", "attempts")
    op.create_table(
        "escalation_call",
        sa.Column("id", _BIG_KEY, primary_key=True),
        sa.Column("incident_id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in numbers),
        sa.Column("people", Json(), nullable=False),
        sa.Column("target", Json(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("sending_since", UtcDateTime(), nullable=True),
        sa.UniqueConstraint(
            "incident_id", "cycle", "round", "step", "way", "act", "recipient", name="escalation_call_once"
        ),
    )
    wanted = sa.text("state = 'wanted'")
    op.create_index(
        "escalation_call_wanted",
        "escalation_call",
        ["way", "next_at"],
        sqlite_where=wanted,
        postgresql_where=wanted,
    )
    op.create_index("escalation_call_by_age", "escalation_call", ["made_at"])


def _schedules() -> None:
    op.create_table(
        "on_call_schedule",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("shifts", Json(), nullable=False),
        sa.Column("people", Json(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.Column("tried_at", UtcDateTime(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
    )
    op.create_table(
        "on_call_override",
        sa.Column("id", _BIG_KEY, primary_key=True),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("begins", UtcDateTime(), nullable=False),
        sa.Column("ends", UtcDateTime(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
    )
    op.create_index("on_call_override_by_end", "on_call_override", ["ends"])
