"""``pull`` and ``reference`` of a model: its predictions, labels or references are read from a database."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.domain.duration import Duration
from bot.domain.watched.data import DataSources

_LEAST = timedelta(seconds=1)


def _check_every(every: timedelta) -> timedelta:
    if every < _LEAST:
        raise ValueError("at least 1s")
    return every


def _check_select(sql: str) -> str:
    """Only what reads: it is put into a query of ours, which a statement of its own would not fit in."""
    plain = sql.strip().rstrip(";").strip()
    if plain.split(None, 1)[0].lower() not in ("select", "with", "values", "from"):
        raise ValueError("give one query that reads, as in `select … from …`")
    return plain


Sql = Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(_check_select)]
AddressName = Annotated[str, Field(alias="from", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,99}$")]


class StatisticsSection(BaseModel):
    """Statistics that the database makes of rows, which stay there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: Annotated[Duration, AfterValidator(_check_every)] | None = None
    """Each is of so long a time by the cursor, and made once that is over; without it of all that is new."""


def _from_yes(value: object) -> object:
    return {} if value is True else None if value is False else value


class PullSection(BaseModel):
    """Where a model's rows are read, and how often."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sql: Sql
    """The query. Its columns are those of predictions (or labels); no `order by`, no `limit`: both are added."""
    from_: AddressName
    """Names the address, such as `postgresql://…` or `duckdb:///…`: `X` is read from `TANDEM_SECRET_X`, or else `X`."""
    cursor: Annotated[str, Field(min_length=1, max_length=200)]
    """The column that grows: only rows behind the greatest value so far are read. A moment is the rows' timestamp."""
    every: Annotated[Duration, AfterValidator(_check_every)]
    """How often."""
    holds: Literal["predictions", "labels"] = "predictions"
    """What the rows are."""
    settle: Duration = timedelta(0)
    """Rows whose cursor is a moment wait so long before they are read: for who writes with a delay."""
    late: Duration = timedelta(0)
    """So far behind the greatest value is read again each time, for rows that come late; those that are known are
    dropped by their id. The cursor is a moment then."""
    since: AwareDatetime | None = None
    """Where the first pull begins; default: at the first row."""
    data: DataSources = []
    """The datasets that the rows come from, whose versions are read with each pull; one, or a list."""
    statistics: Annotated[StatisticsSection | None, BeforeValidator(_from_yes)] = None
    """`true`: the database counts, and the rows stay there; for monitors that need no more than statistics."""
    labels: dict[str, str] = {}
    """Labels of the rows, for `correlation.partition_by`."""

    @model_validator(mode="after")
    def _can_be_counted(self) -> Self:
        if self.statistics is not None and self.holds == "labels":
            raise ValueError("statistics: labels are joined with the rows that they are for; leave it out")
        if self.statistics is not None and self.late:
            raise ValueError("statistics: rows that come late are told from others by their ids; use settle, not late")
        return self


class ReferenceSection(BaseModel):
    """Where a model's references are read: each content that is new becomes a version, named by the moment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sql: Sql
    """The query. Its columns are those of references; 2,000,000 rows at most."""
    from_: AddressName
    """Names the address, as for `pull`."""
    every: Annotated[Duration, AfterValidator(_check_every)] | None = None
    """How often; without it once for each query."""
    model_version: Annotated[str, Field(max_length=200)] = ""
    """The version of the model that was trained with it."""
    data: DataSources = []
    """The datasets that it comes from, whose versions are kept with it; one, or a list."""


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict) else value


Pulls = Annotated[list[PullSection], BeforeValidator(_as_list), Field(max_length=10)]
