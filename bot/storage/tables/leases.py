"""The tables of replicas that share one PostgreSQL database. On SQLite there is one process, and they stay empty."""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from bot.storage.types import UtcDateTime


class ReplicaRow(SQLModel, table=True):
    """A process of the fleet. Moments are by the database's clock.

    Without an ``incarnation`` it was declared dead, or has left: somebody has yet to take over what it carried out.
    ``mark`` is an advisory lock that all of its connections share, by which they are found; ``backend_pid`` is the
    server's process behind its lease session.
    """

    __tablename__ = "replica"

    id: str = Field(primary_key=True, sa_type=Text)
    incarnation: str = Field(sa_type=Text)
    mark: int
    backend_pid: int
    works: bool
    version: str = Field(sa_type=Text)
    started_at: datetime = Field(sa_type=UtcDateTime)
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)


class LeaseRow(SQLModel, table=True):
    """Who took a partition or a role last. ``epoch`` counts how often it was taken: a commit that knows an older one
    is refused."""

    __tablename__ = "lease"

    name: str = Field(primary_key=True, sa_type=Text)
    epoch: int = Field(sa_type=BigInteger)
    replica: str = Field(sa_type=Text)
    incarnation: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=UtcDateTime)
