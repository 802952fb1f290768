"""Figures about the incidents of some time."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bot.domain.access.scope import Scope
from bot.domain.review.statistics import Figures, Life, by_name, figures_of
from bot.storage.queries.listed.statistics import lives_since
from handlers.api.operation import Answer, Call, NoBody, operation


class StatsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    days: Annotated[int, Meta(ge=1, le=366)] = 30
    by: Literal["service", "team"] | None = None


class FiguresShape(msgspec.Struct, frozen=True):
    """Spans are in seconds, null where there is nothing to take the mean of. docs/on-call/reports.md defines each."""

    incidents: int
    mtta: float | None
    mttr: float | None
    reopened: int
    verified: int
    noise: int
    nights: int


class StatsShape(msgspec.Struct, frozen=True):
    since: datetime
    all: FiguresShape
    by: dict[str, FiguresShape]


@operation(
    "GET",
    "/api/stats",
    Scope.INCIDENTS_READ,
    summary="MTTA, MTTR, reopened, verified, noise and nights disturbed of the last days",
    query=StatsQuery,
    answer=StatsShape,
)
async def read_stats(call: Call[StatsQuery, NoBody]) -> Answer:
    since = call.now - timedelta(days=call.query.days)
    async with call.database.read() as connection:
        lives = await lives_since(connection, since, call.caller.domains)
    zone = datetime.now().astimezone().tzinfo or UTC
    found = by_name(lives, lambda life: _names(call, life), zone) if call.query.by else {}
    shapes = {name: _shape(figures) for name, figures in found.items()}
    return Answer(StatsShape(since, _shape(figures_of(lives, zone)), shapes))


def _names(call: Call[StatsQuery, NoBody], life: Life) -> list[str]:
    if call.query.by == "service":
        return life.services
    return call.backend.policy.teams.of_incident(life.team, life.services)


def _shape(figures: Figures) -> FiguresShape:
    return FiguresShape(
        figures.incidents,
        _seconds(figures.mtta),
        _seconds(figures.mttr),
        figures.reopened,
        figures.verified,
        figures.noise,
        figures.nights,
    )


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
