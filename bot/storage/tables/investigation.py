"""What was found out about incidents by themselves."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from bot.storage.types import Json, UtcDateTime

_UNSHOWN = text("version > shown")


class InvestigationRow(SQLModel, table=True):
    """See :class:`bot.domain.review.investigation.Investigation`."""

    __tablename__ = "investigation"
    __table_args__ = (Index("investigation_unshown", "at", sqlite_where=_UNSHOWN, postgresql_where=_UNSHOWN),)

    incident_id: str = Field(primary_key=True, sa_type=Text)
    partition: int
    at: datetime = Field(sa_type=UtcDateTime)
    rounds: int
    findings: list[Any] = Field(sa_type=Json)
    version: int
    shown: int
    channel: str | None = Field(default=None, sa_type=Text)
    reply: str | None = Field(default=None, sa_type=Text)
    posting_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
