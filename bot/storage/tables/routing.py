"""The tables of whom incidents concern; like :mod:`bot.storage.tables.core`."""

from typing import Any

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, SQLModel

from bot.storage.types import Json


class IncidentRouteRow(SQLModel, table=True):
    """That an incident has been routed: as of which of its versions, and by which routes (``Routes.digest``)."""

    __tablename__ = "incident_route"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(sa_type=BigInteger)
    routes: str = Field(sa_type=Text)


class IncidentChannelRow(SQLModel, table=True):
    """A channel of an incident, as it is written in tandem.yaml; ``position`` is its place among them, the first has
    the thread, and NULL where the incident has left it. ``mention`` is who is mentioned there."""

    __tablename__ = "incident_channel"
    __table_args__ = (Index("incident_channel_by_channel", "channel", "incident_id"),)

    incident_id: str = Field(primary_key=True, sa_type=Text)
    channel: str = Field(primary_key=True, sa_type=Text)
    position: int | None = Field()
    mention: list[Any] = Field(sa_type=Json)
