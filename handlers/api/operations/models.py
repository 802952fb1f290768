"""Models: what their monitors say now, and what they found before."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.access.scope import Scope
from bot.domain.alert import Alert
from bot.domain.event import domain_of
from bot.domain.watched.figures import Measured
from bot.domain.watched.monitor import MonitorRules
from bot.model_store import checks, references
from bot.model_store.checks import CheckFilter, MadeCheck, Standing
from bot.model_store.references import Reference
from bot.storage.queries.listed.episodes import episodes_of_model
from bot.watches.models.memory import ModelOverview, MonitorState, overview_of
from handlers.api.data_of_models import data_of
from handlers.api.named import require_model
from handlers.api.operation import Answer, Call, Invalid, NoBody, NoQuery, Position, operation
from handlers.api.shapes_of_models import (
    CheckShape,
    EpisodeShape,
    HistoryPage,
    LookShape,
    LooksPage,
    ModelPage,
    ModelShape,
    MonitorShape,
    ReferenceShape,
)

State = Literal["unchecked", "ok", "firing", "stale", "failed"]


class ModelsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 100
    cursor: Annotated[str | None, Meta(description="`next` of the page before.")] = None


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    monitor: Annotated[str | None, Meta(description="One of its monitors.")] = None
    since: Annotated[Annotated[datetime, Meta(tz=True)] | None, Meta(description="Checked then or later.")] = (
        msgspec.field(default=None, name="from")
    )
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    cursor: Annotated[Position | None, Meta(description="`next` of the page before.")] = None


@operation(
    "GET",
    "/api/models",
    Scope.MODELS_READ,
    summary="The models of tandem.yaml, by name",
    query=ModelsQuery,
    answer=ModelPage,
)
async def list_models(call: Call[ModelsQuery, NoBody]) -> Answer:
    query = call.query
    names = [name for name in sorted(call.backend.rules.models) if query.cursor is None or name > query.cursor]
    shown = names[: query.limit]
    async with call.database.read() as connection:
        found = [await _model(connection, call, name) for name in shown]
    return Answer(ModelPage(found, shown[-1] if len(names) > query.limit else None))


@operation("GET", "/api/models/{model}", Scope.MODELS_READ, summary="One model", answer=ModelShape)
async def show_model(call: Call[NoQuery, NoBody]) -> Answer:
    name = _known(call)
    async with call.database.read() as connection:
        return Answer(await _model(connection, call, name))


@operation(
    "GET",
    "/api/models/{model}/history",
    Scope.MODELS_READ,
    summary="What each check of its monitors said, the newest first, and from when to when they found something",
    query=HistoryQuery,
    answer=HistoryPage,
)
async def model_history(call: Call[HistoryQuery, NoBody]) -> Answer:
    name, query = _known(call), call.query
    monitors = call.backend.rules.models[name].monitors
    if query.monitor is not None and query.monitor not in monitors:
        raise Invalid(f"monitor: {query.monitor[:60]!r} is none of {', '.join(sorted(monitors)) or 'its monitors'}.")
    wanted = CheckFilter(
        model=name, monitor=query.monitor, since=query.since, domains=call.caller.domains, below=query.cursor
    )
    async with call.database.read() as connection:
        made = await checks.listed(connection, wanted, query.limit + 1)
        found = [] if query.cursor else await episodes_of_model(connection, name, query.since, call.caller.domains)
    shown = made[: query.limit]
    following = str(shown[-1][0]) if len(made) > query.limit else None
    episodes = [_episode(one) for one in found if query.monitor in (None, _monitor_of(one))]
    return Answer(HistoryPage([_check(one) for _, one in shown], episodes, following))


@operation(
    "GET",
    "/api/models/{model}/columns",
    Scope.MODELS_READ,
    summary="The columns of its monitors' last checks beside the reference, those that moved most first",
    answer=LooksPage,
)
async def model_columns(call: Call[NoQuery, NoBody]) -> Answer:
    name = _known(call)
    async with call.database.read() as connection:
        found = await checks.standings(connection, [name], call.caller.domains, looks=True)
    monitors = call.backend.rules.models[name].monitors
    return Answer(LooksPage([_looks(one) for one in found if one.looks and one.monitor in monitors]))


def _known(call: Call[Any, Any]) -> str:
    """Raises NotFound."""
    name = call.path["model"]
    require_model(call, name)
    return name


async def _model(connection: AsyncConnection, call: Call[Any, Any], name: str) -> ModelShape:
    rules = call.backend.rules
    reference = await references.current(connection, name, call.now)
    overview = _seen(call, await overview_of(connection, name, rules.partitions))
    domains = _domains(call, overview)
    states: dict[str, list[MonitorState]] = {}
    for state in overview.states:
        states.setdefault(state.monitor, []).append(state)
    return ModelShape(
        name,
        list(rules.depends_on.get(name, [])),
        overview.newest_at,
        _reference(reference) if reference and domains else None,
        [
            _monitor(monitor, one, state, _state_of(state, states.get(monitor, [])) if state else "unchecked")
            for monitor, one in rules.models[name].monitors.items()
            for state in states.get(monitor, [None])
        ],
        await data_of(connection, rules, name, domains, call.caller),
    )


def _domains(call: Call[Any, Any], overview: ModelOverview) -> set[str]:
    """In which the model's data comes, as far as the token sees them; that of events which name none counts in all.

    A reference is what the data of all domains is compared with: without any of them it is nothing to the token.
    """
    by = call.backend.rules.correlation.partition_by
    nowhere = domain_of({}, by)
    mine = {cursor.domain or domain_of(cursor.labels, by) for cursor in overview.cursors}
    return mine | ({nowhere} if call.caller.sees(nowhere) else set())


def _seen(call: Call[Any, Any], overview: ModelOverview) -> ModelOverview:
    """What is of the token's domains."""
    by, sees = call.backend.rules.correlation.partition_by, call.caller.sees
    cursors = [cursor for cursor in overview.cursors if sees(cursor.domain or domain_of(cursor.labels, by))]
    return ModelOverview(cursors, [state for state in overview.states if sees(state.domain)])


def _monitor(name: str, rules: MonitorRules, state: MonitorState | None, found: State) -> MonitorShape:
    if state is None:
        return MonitorShape(name, rules.kind, "", "unchecked", 0, None, "", "")
    return MonitorShape(
        name,
        rules.kind,
        state.domain,
        found,
        state.checks,
        state.checked_at,
        state.version,
        state.summary,
        state.model_version,
    )


def _state_of(state: MonitorState, of_monitor: list[MonitorState]) -> State:
    """A monitor that judges versions apart finds something where one of them does."""
    mine = [one for one in of_monitor if state.model_version is None and one.domain == state.domain]
    return "firing" if any(one.firing_since for one in mine) else _state(state)


def _state(state: MonitorState) -> State:
    if state.firing_since:
        return "firing"
    if state.failed_since:
        return "failed"
    if state.stale_since:
        return "stale"
    return "ok" if state.is_checked else "unchecked"


def _reference(one: Reference) -> ReferenceShape:
    made = one.lineage
    more = (made.data_version, made.source_digest, made.run, made.commit)
    return ReferenceShape(one.version, one.rows, one.pinned, one.created_at, made.model_version, *more)


def _check(one: MadeCheck) -> CheckShape:
    measured = one.measured or Measured()
    return CheckShape(
        monitor=one.monitor,
        domain=one.domain,
        at=one.at,
        state=one.state,
        rows=one.rows,
        reference=one.version,
        summary=one.summary,
        model_version=one.model_version,
        metric=measured.metric,
        value=measured.value,
        limit=measured.limit,
        psi=measured.psi,
        missing=measured.missing,
    )


def _looks(one: Standing) -> LookShape:
    return LookShape(
        monitor=one.monitor,
        domain=one.domain,
        at=one.at,
        rows=one.rows,
        reference=one.version,
        columns=one.looks or [],
        model_version=one.model_version,
    )


def _monitor_of(alert: Alert) -> str:
    return alert.annotations.get("monitor", "")


def _episode(alert: Alert) -> EpisodeShape:
    return EpisodeShape(
        monitor=_monitor_of(alert),
        alertname=alert.name,
        severity=alert.severity,
        began_at=alert.starts_at,
        ended_at=alert.ends_at,
        domain=alert.domain,
        summary=alert.annotations.get("summary", ""),
        incident_id=alert.incident_id,
        model_version=alert.labels.get("version", ""),
    )
