"""The tables of whom incidents concern; like :mod:`bot.storage.tables.core`."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, SQLModel

from bot.storage.types import Json, UtcDateTime


class IncidentRouteRow(SQLModel, table=True):
    """That an incident has been routed: as of which of its versions, and by which routes (``Routes.digest``)."""

    __tablename__ = "incident_route"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(sa_type=BigInteger)
    routes: str = Field(sa_type=Text)


class IncidentChannelRow(SQLModel, table=True):
    """A channel of an incident, as it is written in tandem.yaml; ``position`` is its place among them, the first has
    the thread, and NULL where the incident has left it. ``mention`` is who is mentioned there, and ``quiet`` are the
    hours in which nobody is."""

    __tablename__ = "incident_channel"
    __table_args__ = (Index("incident_channel_by_channel", "channel", "incident_id"),)

    incident_id: str = Field(primary_key=True, sa_type=Text)
    channel: str = Field(primary_key=True, sa_type=Text)
    position: int | None = Field()
    mention: list[Any] = Field(sa_type=Json)
    quiet: list[Any] | None = Field(default=None, sa_type=Json)


class QuietIncidentRow(SQLModel, table=True):
    """An incident for which nobody was mentioned in a channel (by its key) until the end of quiet hours: the digest
    of that moment names it."""

    __tablename__ = "quiet_incident"

    channel: str = Field(primary_key=True, sa_type=Text)
    until: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    incident_id: str = Field(primary_key=True, sa_type=Text)


class QuietDigestRow(SQLModel, table=True):
    """The digest of a channel at the end of quiet hours. ``posting_since`` is set before the call whose answer may be
    lost, ``done_at`` once it stands there, or never will."""

    __tablename__ = "quiet_digest"

    channel: str = Field(primary_key=True, sa_type=Text)
    until: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    posting_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
