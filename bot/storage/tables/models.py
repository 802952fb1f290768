"""The tables of predictions, labels and references."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from bot.storage.tables.core import BigKey
from bot.storage.types import Json, UtcDateTime


class ReferenceRow(SQLModel, table=True):
    """A version of a model's reference data: its content is the frame ``digest``, its profile the file ``profile``."""

    __tablename__ = "reference"
    __table_args__ = (Index("reference_by_digest", "digest"),)

    model: str = Field(primary_key=True, sa_type=Text)
    version: str = Field(primary_key=True, sa_type=Text)
    digest: str = Field(sa_type=Text)
    profile: str = Field(sa_type=Text)
    rows: int = Field(sa_type=BigInteger)
    columns: dict[str, str] = Field(sa_type=Json)
    lineage: dict[str, Any] = Field(sa_type=Json)
    pinned: bool
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(sa_type=UtcDateTime)


class ModelRowsRow(SQLModel, table=True):
    """Predictions or labels that came in together: in the frame ``digest``, or a few of them ``inline``.

    ``domain`` is the correlation domain that they came in, null where that was not kept yet; ``key`` what the sender
    calls them.
    """

    __tablename__ = "model_rows"
    __table_args__ = (
        Index("model_rows_by_model", "model", "holds", "seq"),
        Index("model_rows_by_time", "model", "holds", "last_at"),
        Index("model_rows_by_digest", "digest"),
        Index("model_rows_by_age", "received_at"),
        {"sqlite_autoincrement": True},
    )

    seq: int | None = Field(default=None, primary_key=True, sa_type=BigKey)
    model: str = Field(sa_type=Text)
    holds: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    inline: bytes | None = Field(sa_type=LargeBinary)
    rows: int = Field(sa_type=BigInteger)
    version: str = Field(sa_type=Text)
    first_at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    domain: str | None = Field(default=None, sa_type=Text)
    key: str | None = Field(default=None, sa_type=Text)


class IdSegmentRow(SQLModel, table=True):
    """A segment of the index of a model's predictions by id: the file ``name``, of batches up to ``last_seq``."""

    __tablename__ = "model_id_segment"
    __table_args__ = (Index("model_id_segment_by_model", "model", "first_seq"),)

    name: str = Field(primary_key=True, sa_type=Text)
    model: str = Field(sa_type=Text)
    rows: int = Field(sa_type=BigInteger)
    first_seq: int = Field(sa_type=BigInteger)
    last_seq: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)


class UnusedFileRow(SQLModel, table=True):
    """A file of the store that lost its last user at ``since``; whoever still reads it has a while for that."""

    __tablename__ = "unused_file"

    name: str = Field(primary_key=True, sa_type=Text)
    since: datetime = Field(sa_type=UtcDateTime)


class ModelCheckRow(SQLModel, table=True):
    """What a check of a monitor said, which was made or tried ``at`` a moment."""

    __tablename__ = "model_check"
    __table_args__ = (Index("model_check_by_model", "model", "id"), Index("model_check_by_time", "at"))

    id: int | None = Field(default=None, primary_key=True, sa_type=BigKey)
    model: str = Field(sa_type=Text)
    domain: str = Field(sa_type=Text)
    monitor: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(sa_type=Text)
    rows: int = Field(sa_type=BigInteger)
    version: str = Field(sa_type=Text)
    summary: str = Field(sa_type=Text)
    model_version: str = Field(default="", sa_type=Text)
    measured: dict[str, Any] | None = Field(default=None, sa_type=Json)


class ModelStandingRow(SQLModel, table=True):
    """What the last check of a monitor said and measured, and its ``looks``: columns beside their reference."""

    __tablename__ = "model_standing"

    model: str = Field(primary_key=True, sa_type=Text)
    domain: str = Field(primary_key=True, sa_type=Text)
    monitor: str = Field(primary_key=True, sa_type=Text)
    model_version: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(sa_type=Text)
    rows: int = Field(sa_type=BigInteger)
    version: str = Field(sa_type=Text)
    summary: str = Field(sa_type=Text)
    measured: dict[str, Any] | None = Field(default=None, sa_type=Json)
    looks: list[Any] | None = Field(default=None, sa_type=Json)


class ModelPullRow(SQLModel, table=True):
    """How far a pull of a model has come; ``key`` tells it apart from others of the model.

    ``pending`` are rows that are being taken in, ``seen`` the ids of late rows that are known, ``columns`` what the
    query usually gives, ``firing`` the alerts about the pull, ``data`` the last versions of the data that it reads.
    """

    __tablename__ = "model_pull"

    key: str = Field(primary_key=True, sa_type=Text)
    model: str = Field(sa_type=Text)
    after: dict[str, Any] | None = Field(default=None, sa_type=Json)
    until: dict[str, Any] | None = Field(default=None, sa_type=Json)
    at: datetime = Field(sa_type=UtcDateTime)
    failure: str = Field(default="", sa_type=Text)
    pending: dict[str, Any] | None = Field(default=None, sa_type=Json)
    seen: dict[str, Any] | None = Field(default=None, sa_type=Json)
    columns: dict[str, Any] | None = Field(default=None, sa_type=Json)
    firing: dict[str, Any] | None = Field(default=None, sa_type=Json)
    data: dict[str, Any] | None = Field(default=None, sa_type=Json)
