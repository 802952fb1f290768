"""The tables of what was sent to the tools that alerts come from; like :mod:`bot.storage.tables.core`."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from bot.storage.types import UtcDateTime


class ToolSilenceRow(SQLModel, table=True):
    """A silence that is here and in a tool: ``there`` is its id there, ``ends_at`` the end that both last agreed on.

    ``refused`` says why the tool did not take what it was told; empty while it does.
    """

    __tablename__ = "tool_silence"

    tool: str = Field(primary_key=True, sa_type=Text)
    silence_id: str = Field(primary_key=True, sa_type=Text)
    there: str = Field(sa_type=Text)
    ends_at: datetime = Field(sa_type=UtcDateTime)
    refused: str = Field(sa_type=Text)


class ToolSentRow(SQLModel, table=True):
    """The last state that a tool was told of one of its alerts, at which version of the incident."""

    __tablename__ = "tool_told"
    __table_args__ = (Index("tool_told_by_age", "at"),)

    tool: str = Field(primary_key=True, sa_type=Text)
    target: str = Field(primary_key=True, sa_type=Text)
    incident_id: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    version: int
    at: datetime = Field(sa_type=UtcDateTime)
    refused: str = Field(sa_type=Text)


class ToolSeenRow(SQLModel, table=True):
    """What a tool's own list was seen to hold of what came here from it.

    ``kind`` says what the name is of: ``alert`` (its identity) or ``receiver``.
    An alert that was never seen there may be another tool's of the same kind: its absence from the list says nothing.
    """

    __tablename__ = "tool_seen"

    tool: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
