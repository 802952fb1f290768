"""The tables. Columns carry the names of the domain types' fields, so that rows and values map by name."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Text, false, text
from sqlmodel import Field, SQLModel

from bot.storage.types import Json, UtcDateTime

# SQLite counts only an INTEGER PRIMARY KEY up by itself.
BigKey = BigInteger().with_variant(Integer(), "sqlite")
_IN_FORCE = text("current AND status = 'firing'")
_OWN_IN_FORCE = text("current AND status = 'firing' AND source = 'tandem'")
_FLAPPING = text("flapping")
_SILENCED = text("silence_id IS NOT NULL")
_PENDING = text("pending IS NOT NULL")
_UNPLACED = text("incident_id IS NULL")
_PROMISED = text("next_update_at IS NOT NULL")


class InboxRow(SQLModel, table=True):
    """The log of what came in: appended by the endpoints, read in order by the worker of the partition.

    On SQLite no number is given twice, also when the last rows were deleted: the offsets are in another file.
    """

    __tablename__ = "inbox"
    __table_args__ = (Index("inbox_by_partition", "partition", "seq"), {"sqlite_autoincrement": True})

    seq: int | None = Field(default=None, primary_key=True, sa_type=BigKey)
    partition: int
    source: str = Field(sa_type=Text)
    received_at: datetime = Field(sa_type=UtcDateTime)
    payload: bytes = Field(sa_type=LargeBinary)


class OffsetRow(SQLModel, table=True):
    """How far the worker of a partition has come; moves in the transaction that writes the effects.

    ``partition_by`` are the labels, as JSON, by which the domains of all that is stored are told apart.
    """

    __tablename__ = "partition_offset"

    partition: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    position: int = Field(sa_type=BigInteger)
    inbox: str = Field(sa_type=Text, sa_column_kwargs={"server_default": "database"})
    partition_by: str | None = Field(default=None, sa_type=Text)


class DeadLetterRow(SQLModel, table=True):
    """An entry of the inbox that no attempt could work through; it stays in the inbox, and here is why."""

    __tablename__ = "dead_letter"

    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    partition: int
    at: datetime = Field(sa_type=UtcDateTime)
    error: str = Field(sa_type=Text)


class DetectorStateRow(SQLModel, table=True):
    """What a watch has learnt in a partition, as of a position in the inbox; what came after is in the inbox."""

    __tablename__ = "detector_state"

    partition: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    watch: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=Text)
    position: int = Field(sa_type=BigInteger)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    state: bytes = Field(sa_type=LargeBinary)


class CounterRow(SQLModel, table=True):
    """Numbers that people see: counted in the transaction that uses them, so that none is skipped."""

    __tablename__ = "counter"

    name: str = Field(primary_key=True, sa_type=Text)
    value: int = Field(sa_type=BigInteger)


class AlertRow(SQLModel, table=True):
    __tablename__ = "alert"
    __table_args__ = (
        Index("alert_by_incident", "incident_id"),
        Index("alert_by_group", "domain", "group", sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE),
        Index("alert_own", "domain", "name", sqlite_where=_OWN_IN_FORCE, postgresql_where=_OWN_IN_FORCE),
        Index("alert_flapping", "partition", sqlite_where=_FLAPPING, postgresql_where=_FLAPPING),
        Index("alert_silenced", "partition", sqlite_where=_SILENCED, postgresql_where=_SILENCED),
        Index("alert_pending", "partition", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index("alert_unplaced", "received_at", sqlite_where=_UNPLACED, postgresql_where=_UNPLACED),
    )

    identity: str = Field(primary_key=True, sa_type=Text)
    episode: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    current: bool
    domain: str = Field(sa_type=Text)
    partition: int
    source: str = Field(sa_type=Text)
    fingerprint: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    service: str = Field(sa_type=Text)
    severity: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    labels: dict[str, str] = Field(sa_type=Json)
    annotations: dict[str, str] = Field(sa_type=Json)
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime | None = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    repeats: int
    changes: list[datetime] = Field(sa_type=Json)
    flapping: bool
    group: str = Field(sa_type=Text)
    truncated: int
    link: str = Field(sa_type=Text)
    incident_id: str | None = Field(sa_type=Text)
    silence_id: str | None = Field(sa_type=Text)
    chart: Any = Field(sa_type=Json, nullable=True)
    host: str = Field(sa_type=Text)
    pending: str | None = Field(default=None, sa_type=Text)
    pending_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = Field(default=None, sa_type=Text)
    good_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    receiver: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    tolerance: float = Field(default=0.0, sa_column_kwargs={"server_default": "0"})


class IncidentRow(SQLModel, table=True):
    __tablename__ = "incident"
    __table_args__ = (
        Index("incident_by_status", "status", "number"),
        Index("incident_by_change", "changed_at"),
        Index("incident_promised", "next_update_at", sqlite_where=_PROMISED, postgresql_where=_PROMISED),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    number: int = Field(unique=True, sa_type=BigInteger)
    domain: str = Field(sa_type=Text)
    partition: int
    status: str = Field(sa_type=Text)
    severity: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    summary: str = Field(sa_type=Text)
    services: list[str] = Field(sa_type=Json)
    groups: dict[str, int] = Field(sa_type=Json)
    causes: list[Any] = Field(sa_type=Json)
    past: list[Any] = Field(sa_type=Json)
    inhibited: list[Any] = Field(sa_type=Json)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    active_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    resolved_at: datetime | None = Field(sa_type=UtcDateTime)
    acknowledged_by: str | None = Field(sa_type=Text)
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolved_by: str | None = Field(sa_type=Text)
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    healthy_seconds: float = Field(default=0.0, sa_column_kwargs={"server_default": "0"})
    reopened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    part_of: str | None = Field(default=None, sa_type=Text)
    owner: str | None = Field(default=None, sa_type=Text)
    severity_by: str | None = Field(default=None, sa_type=Text)
    alerts_severity: str | None = Field(default=None, sa_type=Text)
    kept_open_by: str | None = Field(default=None, sa_type=Text)
    declared_as: str | None = Field(default=None, sa_type=Text)
    version: int
    team: str | None = Field(default=None, sa_type=Text)
    escalation: str | None = Field(default=None, sa_type=Text)
    lead: str | None = Field(default=None, sa_type=Text)
    scribe: str | None = Field(default=None, sa_type=Text)
    next_update_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_update_by: str | None = Field(default=None, sa_type=Text)
    observed: Any = Field(default=None, sa_type=Json, nullable=True)
    drill: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class IncidentKeyRow(SQLModel, table=True):
    """Where an alert looks for its incident: when what is in every open one (see ``Key``) was heard of."""

    __tablename__ = "incident_key"
    __table_args__ = (
        Index("incident_key_by_incident", "incident_id"),
        Index("incident_key_by_moment", "domain", "last_at"),
    )

    domain: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    value: str = Field(primary_key=True, sa_type=Text)
    incident_id: str = Field(primary_key=True, sa_type=Text)
    first_at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)


class TraitRow(SQLModel, table=True):
    """What resolved incidents are remembered by; ``traits`` is how many the incident has."""

    __tablename__ = "trait"
    __table_args__ = (Index("trait_by_incident", "incident_id"),)

    domain: str = Field(primary_key=True, sa_type=Text)
    trait: str = Field(primary_key=True, sa_type=Text)
    incident_id: str = Field(primary_key=True, sa_type=Text)
    traits: int


class TimelineRow(SQLModel, table=True):
    __tablename__ = "timeline"
    __table_args__ = (Index("timeline_by_incident", "incident_id", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigKey)
    incident_id: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str = Field(sa_type=Text)
    text: str = Field(sa_type=Text)
    actor: str | None = Field(sa_type=Text)
    worse: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    broadcast: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    person: str | None = Field(default=None, sa_type=Text)
    posted: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class SummaryRewriteRow(SQLModel, table=True):
    """What a language model made of an incident's facts at a version; empty where it made nothing that can be used."""

    __tablename__ = "summary_rewrite"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    version: int
    facts: str = Field(sa_type=Text)
    text: str = Field(sa_type=Text)


class ChangeRow(SQLModel, table=True):
    """What was changed where and when; told again, it is the same row."""

    __tablename__ = "change"
    __table_args__ = (Index("change_by_service", "domain", "service", "at"),)

    source: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)
    domain: str = Field(sa_type=Text)
    service: str = Field(sa_type=Text)
    change: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str = Field(sa_type=Text)
    version: str = Field(sa_type=Text)
    link: str = Field(sa_type=Text)


class LearntEdgeRow(SQLModel, table=True):
    """What was learnt of the topology; a name tells something only in its correlation domain."""

    __tablename__ = "learnt_edge"
    __table_args__ = (
        Index("learnt_edge_by_end", "domain", "depends_on"),
        Index("learnt_edge_by_age", "partition", "last_seen"),
    )

    domain: str = Field(primary_key=True, sa_type=Text)
    service: str = Field(primary_key=True, sa_type=Text)
    depends_on: str = Field(primary_key=True, sa_type=Text)
    partition: int
    last_seen: datetime = Field(sa_type=UtcDateTime)
    kind: str = Field(sa_type=Text)


class SilenceRow(SQLModel, table=True):
    __tablename__ = "silence"
    __table_args__ = (Index("silence_by_end", "ends_at"),)

    id: str = Field(primary_key=True, sa_type=Text)
    matchers: list[Any] = Field(sa_type=Json)
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str = Field(sa_type=Text)
    comment: str = Field(sa_type=Text)
    origin: str = Field(sa_type=Text)


class AuditRow(SQLModel, table=True):
    """Who did what, when. Each row carries the hash of the one before; triggers refuse changes."""

    __tablename__ = "audit"

    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    details: str = Field(sa_type=Text)
    previous_hash: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text)
    mac: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})


class AuditAnchorRow(SQLModel, table=True):
    """Up to which row the audit log was archived and deleted, and that row's seal: the newest is where the log begins.

    Triggers let nothing behind it be deleted, and refuse changes here.
    """

    __tablename__ = "audit_anchor"

    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    hash: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)


class SchemaRow(SQLModel, table=True):
    """A version that the schema has had; programs that know the schema from ``works_with`` on may work on it."""

    __tablename__ = "schema_version"

    revision: str = Field(primary_key=True, sa_type=Text)
    works_with: str = Field(sa_type=Text)
