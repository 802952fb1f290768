"""``pull`` of a model: its predictions or labels are read from a database, by a column that grows."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from bot.domain.duration import Duration

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


class PullSection(BaseModel):
    """Where a model's rows are read, and how often."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sql: Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(_check_select)]
    """The query. Its columns are those of predictions (or labels); no `order by`, no `limit`: both are added."""
    from_: Annotated[str, Field(alias="from", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,99}$")]
    """Names the address, such as `postgresql://…` or `duckdb:///…`: `X` is read from `TANDEM_SECRET_X`, or else `X`."""
    cursor: Annotated[str, Field(min_length=1, max_length=200)]
    """The column that grows: only rows behind the greatest value so far are read. A moment is the rows' timestamp."""
    every: Annotated[Duration, AfterValidator(_check_every)]
    """How often."""
    holds: Literal["predictions", "labels"] = "predictions"
    """What the rows are."""
    settle: Duration = timedelta(0)
    """Rows whose cursor is a moment wait so long before they are read: for who writes with a delay."""
    since: AwareDatetime | None = None
    """Where the first pull begins; default: at the first row."""
    labels: dict[str, str] = {}
    """Labels of the rows, for `correlation.partition_by`."""


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict) else value


Pulls = Annotated[list[PullSection], BeforeValidator(_as_list), Field(max_length=10)]
