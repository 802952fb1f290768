"""What people did that has consequences later."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from bot.storage.tables.core import BigKey
from bot.storage.types import Json, UtcDateTime


class HeldIncidentRow(SQLModel, table=True):
    """An incident that a person resolved while alerts of it fired: they call again unless they end."""

    __tablename__ = "held_incident"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    partition: int
    resolved_at: datetime = Field(sa_type=UtcDateTime)


class ChangedIncidentRow(SQLModel, table=True):
    """An incident that people merged or split: the pipeline makes its cause and summary anew."""

    __tablename__ = "changed_incident"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    partition: int


class SilenceNoticeRow(SQLModel, table=True):
    """That a silence was made or ended early, until it is announced. ``posting_since`` says that it may be."""

    __tablename__ = "silence_notice"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigKey)
    silence_id: str = Field(sa_type=Text)
    ended: bool
    actor: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    posting_since: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ApiRequestRow(SQLModel, table=True):
    """A request to the API that carries a key, and its answer once it was carried out."""

    __tablename__ = "api_request"

    token: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    digest: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    status: int | None = None
    body: bytes = Field(sa_type=LargeBinary)
    headers: Any = Field(sa_type=Json)


class NotedMessageRow(SQLModel, table=True):
    """A message of a person in Slack that is a note of an incident."""

    __tablename__ = "noted_message"
    __table_args__ = (Index("noted_message_by_incident", "incident_id"),)

    channel: str = Field(primary_key=True, sa_type=Text)
    ts: str = Field(primary_key=True, sa_type=Text)
    incident_id: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)


class OwnChannelRow(SQLModel, table=True):
    """The channel of an incident's own, by its id once there is one; ``reason`` says why there is none.

    ``invited`` are people who were: whoever left is not invited again. ``ts`` is the incident's message there, at
    ``shown_version``; ``posting_since`` says that it may be there already.
    """

    __tablename__ = "own_channel"
    __table_args__ = (Index("own_channel_by_state", "state"), Index("own_channel_by_channel", "channel"))

    incident_id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    asked_by: str = Field(sa_type=Text)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    invited: list[str] = Field(sa_type=Json)
    ts: str = Field(sa_type=Text)
    shown_version: int
    posting_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str = Field(sa_type=Text)


class ReportTextsRow(SQLModel, table=True):
    """What people wrote of an incident for its report."""

    __tablename__ = "report_texts"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    summary: str = Field(sa_type=Text)
    impact: str = Field(sa_type=Text)
    lessons: str = Field(sa_type=Text)
    edited_by: str = Field(sa_type=Text)
    edited_at: datetime = Field(sa_type=UtcDateTime)


class IncidentTicketRow(SQLModel, table=True):
    """The ticket of an incident in a tracker. Until it is open, ``next_at`` is when it is tried again; ``reason`` says
    why there is none. The row without an incident names the tracker of tandem.yaml."""

    __tablename__ = "incident_ticket"
    __table_args__ = (Index("incident_ticket_by_state", "state", "next_at"),)

    incident_id: str = Field(primary_key=True, sa_type=Text)
    state: str = Field(sa_type=Text)
    tracker: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    url: str = Field(sa_type=Text)
    asked_by: str = Field(sa_type=Text)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    next_at: datetime = Field(sa_type=UtcDateTime)
    attempts: int
    reason: str = Field(sa_type=Text)
