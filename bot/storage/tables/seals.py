"""Which key the database is sealed with; like :mod:`.core`."""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from bot.storage.types import UtcDateTime


class SealRow(SQLModel, table=True):
    """One row: the id of the key, and from which row on the audit log bears its seals. ``mac`` seals this row."""

    __tablename__ = "seal"

    name: str = Field(primary_key=True, sa_type=Text)
    key_id: str = Field(sa_type=Text)
    from_seq: int = Field(sa_type=BigInteger)
    hash: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    mac: str = Field(sa_type=Text)
