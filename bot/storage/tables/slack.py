"""The tables of what Slack shows and of people's feedback there; like :mod:`bot.storage.tables.core`."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Text, false, text
from sqlmodel import Field, SQLModel

from bot.storage.types import Json, UtcDateTime

_WANTED = text("state = 'wanted'")


class ChannelMessageRow(SQLModel, table=True):
    """What a channel shows of an incident: which message, which version, how far its thread has come.

    A row without ``ts`` whose version is the incident's says that the incident does not belong into this channel. One
    channel of an incident is ``threaded``. ``posting_since`` and ``thread_posting`` are set before a call whose answer
    may be lost, so that after a crash the notifier looks for its own message before it posts another. ``shown_behind``
    says that the message says that the pipeline was behind, and so is to be shown again when it is not.
    ``posted_position`` is that of the last timeline entry when the message was posted: up to there it says all itself.
    ``mentioned`` is who was mentioned when it was posted, by their ids in the channel's tool.
    A row with ``digest_rank`` is in the channel's digest and has no message; the lowest rank gets one first, and
    ``digest_standing`` says how well the incident is attested.
    """

    __tablename__ = "channel_message"
    __table_args__ = (Index("channel_message_by_channel", "channel"),)

    incident_id: str = Field(primary_key=True, sa_type=Text)
    channel: str = Field(primary_key=True, sa_type=Text)
    ts: str | None = Field(sa_type=Text)
    shown_version: int
    posting_since: datetime | None = Field(sa_type=UtcDateTime)
    threaded: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    thread_position: int = Field(sa_type=BigInteger)
    thread_posting: int | None = Field(sa_type=BigInteger)
    shown_behind: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    posted_position: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
    digest_rank: int | None = Field(default=None)
    digest_standing: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    mentioned: list[Any] | None = Field(default=None, sa_type=Json)


class ChannelDigestRow(SQLModel, table=True):
    """The digest of a channel while there is one: how many incidents came into it ``since`` a moment, and of these
    ``resolved`` before they got a message. ``posting_since`` is as in ``ChannelMessageRow``."""

    __tablename__ = "channel_digest"

    channel: str = Field(primary_key=True, sa_type=Text)
    since: datetime = Field(sa_type=UtcDateTime)
    total: int
    resolved: int
    ts: str | None = Field(sa_type=Text)
    posting_since: datetime | None = Field(sa_type=UtcDateTime)


class SlackMessageRow(SQLModel, table=True):
    """The message with the thread, as the release before knows it; ``ChannelMessageRow`` is what we go by."""

    __tablename__ = "slack_message"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    channel: str | None = Field(sa_type=Text)
    ts: str | None = Field(sa_type=Text)
    shown_version: int
    posting_since: datetime | None = Field(sa_type=UtcDateTime)
    thread_position: int = Field(sa_type=BigInteger)
    thread_posting: int | None = Field(sa_type=BigInteger)
    shown_behind: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class IncidentTraceRow(SQLModel, table=True):
    """The trace that the last change of an incident belongs to; only while traces are made."""

    __tablename__ = "incident_trace"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    traceparent: str = Field(sa_type=Text)


class SlackRequestRow(SQLModel, table=True):
    """Signatures of the Slack requests of the last minutes, so that none is taken twice."""

    __tablename__ = "slack_request"

    signature: str = Field(primary_key=True, sa_type=Text)
    received_at: datetime = Field(sa_type=UtcDateTime)


class ChartUploadRow(SQLModel, table=True):
    """The chart of an episode of an alert on its way to a thread, or of a run; ``state`` is an ``UploadState``.

    That of a run is in the row itself, and ``identity`` is the run's id.
    """

    __tablename__ = "chart_upload"
    __table_args__ = (
        Index("chart_upload_by_incident", "incident_id"),
        Index("chart_upload_wanted", "wanted_at", sqlite_where=_WANTED, postgresql_where=_WANTED),
    )

    identity: str = Field(primary_key=True, sa_type=Text)
    episode: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    incident_id: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    wanted_at: datetime = Field(sa_type=UtcDateTime)
    chart: Any = Field(default=None, sa_type=Json, nullable=True)


class SensitivityRow(SQLModel, table=True):
    """Groups of watches that people found not useful: false alarms are to be ``factor`` times as rare as configured."""

    __tablename__ = "sensitivity"

    domain: str = Field(primary_key=True, sa_type=Text)
    watch: str = Field(primary_key=True, sa_type=Text)
    group: str = Field(primary_key=True, sa_type=Text)
    factor: float
    incident_id: str = Field(sa_type=Text)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    changed_by: str = Field(sa_type=Text)


class HomeRow(SQLModel, table=True):
    """The page of a person who opened it: at which part, how often it was ``asked`` for, and which of these times was
    ``answered``. ``digest`` is of what it shows."""

    __tablename__ = "home"
    __table_args__ = (Index("home_by_opening", "opened_at"),)

    person: str = Field(primary_key=True, sa_type=Text)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    page: int
    asked: int
    answered: int
    digest: str = Field(sa_type=Text)


class PaneRow(SQLModel, table=True):
    """A conversation with the bot beside what a person looks at: ``viewed`` is that channel, ``incident_id`` the
    incident that was asked about last. ``thread`` is empty for what holds in all threads of the conversation."""

    __tablename__ = "pane"
    __table_args__ = (Index("pane_by_change", "changed_at"),)

    channel: str = Field(primary_key=True, sa_type=Text)
    thread: str = Field(primary_key=True, sa_type=Text)
    viewed: str = Field(sa_type=Text)
    incident_id: str = Field(sa_type=Text)
    changed_at: datetime = Field(sa_type=UtcDateTime)
