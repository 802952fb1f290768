"""The tables of outgoing events; like :mod:`bot.storage.tables.core`."""

from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from bot.storage.tables.core import BigKey
from bot.storage.types import UtcDateTime

_WAITING = text("state = 'waiting'")


class OutgoingCursorRow(SQLModel, table=True):
    """Up to which position of the feed a receiver's events are written down. ``shown`` is how people know it."""

    __tablename__ = "outgoing_cursor"

    receiver: str = Field(primary_key=True, sa_type=Text)
    shown: str = Field(sa_type=Text)
    position: int = Field(sa_type=BigKey)


class OutgoingEventRow(SQLModel, table=True):
    """An event that a receiver has not taken yet; see ``bot.domain.outgoing.event.OutgoingEvent``."""

    __tablename__ = "outgoing_event"
    __table_args__ = (
        UniqueConstraint("receiver", "position", name="outgoing_event_once"),
        Index(
            "outgoing_event_waiting",
            "receiver",
            "incident_id",
            "position",
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
        Index("outgoing_event_by_state", "receiver", "state", "next_at"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigKey)
    receiver: str = Field(sa_type=Text)
    position: int = Field(sa_type=BigKey)
    incident_id: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    attempts: int
    began_at: datetime = Field(sa_type=UtcDateTime)
    next_at: datetime = Field(sa_type=UtcDateTime)
    reason: str = Field(sa_type=Text)
