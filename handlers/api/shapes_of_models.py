"""What the API answers about models, as types."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bot.domain.severity import Severity
from bot.domain.watched.figures import ColumnLook
from bot.model_store.checks import CheckState
from handlers.api.shapes import Domain


class MonitorShape(msgspec.Struct, frozen=True):
    name: str
    kind: str
    domain: Domain
    state: Literal["unchecked", "ok", "firing", "stale", "failed"]
    checks: int
    checked_at: datetime | None
    reference: Annotated[str, Meta(description="The version that the last check compared with.")]
    summary: str
    model_version: Annotated[
        str | None, Meta(description="Of monitors by version: of which it is; null for the monitor as a whole.")
    ] = None


class ReferenceShape(msgspec.Struct, frozen=True):
    version: str
    rows: int
    pinned: bool
    created_at: datetime
    model_version: str
    data_version: Annotated[str, Meta(description="Of the dataset that it was made of.")] = ""
    source_digest: Annotated[str, Meta(description="What DVC or MLflow calls that data.")] = ""
    run: Annotated[str, Meta(description="The run that made the data.")] = ""
    commit: Annotated[str, Meta(description="The commit of what made the data.")] = ""


class DataShape(msgspec.Struct, frozen=True, kw_only=True):
    """The version of a dataset that the model read last, and what made it as far as that is known."""

    dataset: str
    version: str
    since: Annotated[datetime | None, Meta(description="When it was written, or first read.")]
    pulled: Annotated[bool, Meta(description="A pull read it; else a job reported it (OpenLineage).")]
    run: Annotated[str, Meta(description="The run that wrote it.")] = ""
    job: Annotated[str, Meta(description="The job of that run.")] = ""
    commit: Annotated[str, Meta(description="The commit of what made it.")] = ""
    digest: Annotated[str, Meta(description="What DVC or MLflow calls it.")] = ""


class ModelShape(msgspec.Struct, frozen=True):
    name: str
    depends_on: list[str]
    newest_at: Annotated[datetime | None, Meta(description="When its newest predictions came.")]
    reference: ReferenceShape | None
    monitors: list[MonitorShape]
    data: Annotated[list[DataShape], Meta(description="The versions of its datasets.")] = []


class ModelPage(msgspec.Struct, frozen=True):
    models: list[ModelShape]
    next: str | None


class EpisodeShape(msgspec.Struct, frozen=True, kw_only=True):
    """From when to when a monitor found something."""

    monitor: str
    alertname: str
    severity: Severity
    began_at: datetime
    ended_at: datetime | None
    domain: Domain
    summary: str
    incident_id: str | None
    model_version: str = ""


class CheckShape(msgspec.Struct, frozen=True, kw_only=True):
    """What one check said of so many rows, compared with the version of the reference."""

    monitor: str
    domain: Domain
    at: datetime
    state: CheckState
    rows: int
    reference: str
    summary: str
    model_version: str = ""
    metric: Annotated[str, Meta(description="What value is of; psi is that of the column that moved most.")] = ""
    value: float | None = None
    limit: float | None = None
    psi: Annotated[dict[str, float], Meta(description="Of the columns that moved most.")] = {}
    missing: Annotated[dict[str, float], Meta(description="The shares of missing values, where there are any.")] = {}


class HistoryPage(msgspec.Struct, frozen=True):
    """``history`` are the checks, the newest first; ``episodes`` from when to when the monitors found something."""

    history: list[CheckShape]
    episodes: Annotated[list[EpisodeShape], Meta(description="On the first page.")]
    next: str | None


class LookShape(msgspec.Struct, frozen=True, kw_only=True):
    """What the last check of a monitor that could be made saw of the columns, those that moved most first."""

    monitor: str
    domain: Domain
    at: datetime
    rows: int
    reference: str
    columns: list[ColumnLook]
    model_version: str = ""


class LooksPage(msgspec.Struct, frozen=True):
    looks: list[LookShape]
