"""The tables of what correlation has learnt beside edges; like :mod:`bot.storage.tables.core`."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from bot.storage.types import UtcDateTime


class CompanionRow(SQLModel, table=True):
    """How often a service was troubled near in time to another one, and how often people set them apart.

    Counts are those of ``last_seen`` and fade after it. The row of a service with itself counts its episodes.
    """

    __tablename__ = "companion"
    __table_args__ = (Index("companion_by_age", "partition", "last_seen"),)

    domain: str = Field(primary_key=True, sa_type=Text)
    service: str = Field(primary_key=True, sa_type=Text)
    other: str = Field(primary_key=True, sa_type=Text)
    partition: int
    near: float
    apart: float
    last_seen: datetime = Field(sa_type=UtcDateTime)


class IncidentTermsRow(SQLModel, table=True):
    """The terms of an open incident's alerts, four bytes each."""

    __tablename__ = "incident_terms"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    terms: bytes = Field(sa_type=LargeBinary)
