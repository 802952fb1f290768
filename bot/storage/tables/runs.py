"""The tables of runs: what was decided and done, and which run works on which target; like :mod:`.core`."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, false
from sqlmodel import Field, SQLModel

from bot.storage.types import Json, UtcDateTime


class RunRow(SQLModel, table=True):
    __tablename__ = "run"
    __table_args__ = (Index("run_by_incident", "incident_id"), Index("run_by_status", "status"))

    id: str = Field(primary_key=True, sa_type=Text)
    incident_id: str = Field(sa_type=Text)
    partition: int
    runbook: str = Field(sa_type=Text)
    plan: Any = Field(sa_type=Json)
    plan_hash: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    approvers: list[str] = Field(sa_type=Json)
    required: int
    decisions: list[Any] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(sa_type=UtcDateTime)
    outcome: str = Field(sa_type=Text)
    gate: Any = Field(sa_type=Json, nullable=True)
    watched: list[Any] = Field(default=[], sa_type=Json, sa_column_kwargs={"server_default": "[]"})
    verification: Any = Field(default=None, sa_type=Json, nullable=True)
    previous: Any = Field(default=None, sa_type=Json, nullable=True)
    seal: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    holds: list[Any] = Field(default=[], sa_type=Json, sa_column_kwargs={"server_default": "[]"})
    glass: Any = Field(default=None, sa_type=Json, nullable=True)
    reach: Any = Field(default=None, sa_type=Json, nullable=True)
    proposed_by: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    filled: Any = Field(default=None, sa_type=Json, nullable=True)
    cause: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    earned: bool | None = Field(default=None, nullable=True)
    announced: Any = Field(default=None, sa_type=Json, nullable=True)
    stopped_by: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    preview: Any = Field(default=None, sa_type=Json, nullable=True)
    drill: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    end_seal: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})


class RunbookDrillRow(SQLModel, table=True):
    """The last drill of a runbook by its schedule; ``failure`` is empty where it passed."""

    __tablename__ = "runbook_drill"

    runbook: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    failure: str = Field(sa_type=Text)


class StepRow(SQLModel, table=True):
    """What was done of a run; a row that stays ``started`` is a step that a crash caught in flight."""

    __tablename__ = "run_step"

    run_id: str = Field(primary_key=True, sa_type=Text)
    phase: str = Field(primary_key=True, sa_type=Text)
    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    status: str = Field(sa_type=Text)
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(sa_type=UtcDateTime)
    output: str = Field(sa_type=Text)


class RunTargetRow(SQLModel, table=True):
    """Which run works on a target: one at a time. It goes with the end of the run."""

    __tablename__ = "run_target"

    domain: str = Field(primary_key=True, sa_type=Text)
    target: str = Field(primary_key=True, sa_type=Text)
    run_id: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=UtcDateTime)
