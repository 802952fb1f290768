"""The tables of escalations and of who is on call; like :mod:`bot.storage.tables.core`."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from bot.storage.tables.core import BigKey
from bot.storage.types import Json, UtcDateTime

_DUE = text("due_at IS NOT NULL")
_LIVE = text("state <> 'over'")
_WANTED = text("state = 'wanted'")


class EscalationRow(SQLModel, table=True):
    """How far the escalation of an incident has come; see ``bot.domain.oncall.escalation.Escalating``."""

    __tablename__ = "escalation"
    __table_args__ = (
        Index("escalation_due", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
        Index("escalation_live", "incident_id", sqlite_where=_LIVE, postgresql_where=_LIVE),
    )

    incident_id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    cycle: int
    round: int
    step: int
    due_at: datetime | None = Field(sa_type=UtcDateTime)
    wait_seconds: float
    version: int


class EscalationCallRow(SQLModel, table=True):
    """A call that an escalation makes, written with the step that wants it; see ``bot.domain.oncall.page.Page``."""

    __tablename__ = "escalation_call"
    __table_args__ = (
        UniqueConstraint(
            "incident_id", "cycle", "round", "step", "way", "act", "recipient", name="escalation_call_once"
        ),
        Index("escalation_call_wanted", "way", "next_at", sqlite_where=_WANTED, postgresql_where=_WANTED),
        Index("escalation_call_by_age", "made_at"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigKey)
    incident_id: str = Field(sa_type=Text)
    escalation: str = Field(sa_type=Text)
    cycle: int
    round: int
    step: int
    way: str = Field(sa_type=Text)
    act: str = Field(sa_type=Text)
    recipient: str = Field(sa_type=Text)
    people: list[str] = Field(sa_type=Json)
    target: dict[str, Any] = Field(sa_type=Json)
    text: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    made_at: datetime = Field(sa_type=UtcDateTime)
    next_at: datetime = Field(sa_type=UtcDateTime)
    sending_since: datetime | None = Field(sa_type=UtcDateTime)
    attempts: int
    reason: str = Field(sa_type=Text)


class OnCallScheduleRow(SQLModel, table=True):
    """What was last read of a schedule that is kept elsewhere, or of the people of a rotation.

    ``definition`` is a hash of its section of tandem.yaml: what was read by another one does not count. ``problem``
    says why it could not be read since ``read_at``; empty while it can.
    """

    __tablename__ = "on_call_schedule"

    name: str = Field(primary_key=True, sa_type=Text)
    definition: str = Field(sa_type=Text)
    shifts: list[Any] = Field(sa_type=Json)
    people: dict[str, list[str]] = Field(sa_type=Json)
    read_at: datetime | None = Field(sa_type=UtcDateTime)
    tried_at: datetime = Field(sa_type=UtcDateTime)
    problem: str = Field(sa_type=Text)


class OnCallOverrideRow(SQLModel, table=True):
    """Somebody takes over from whoever is on call, by a person's word in Slack."""

    __tablename__ = "on_call_override"
    __table_args__ = (Index("on_call_override_by_end", "ends"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigKey)
    schedule: str = Field(sa_type=Text)
    person: str = Field(sa_type=Text)
    begins: datetime = Field(sa_type=UtcDateTime)
    ends: datetime = Field(sa_type=UtcDateTime)
    made_by: str = Field(sa_type=Text)


class IncidentSeenRow(SQLModel, table=True):
    """Who says that they look at an incident, without owning it."""

    __tablename__ = "incident_seen"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    person: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
