"""The verdict on a service since a change, for what decides on a rollout: Argo Rollouts, Flagger, pipelines."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bot.domain.access.scope import Scope
from bot.domain.duration import format_duration, parse_duration
from bot.domain.watched.contest import Asked, Contest
from bot.errors import Refused
from bot.incidents.verdict import BEFORE, Question, judge, look
from bot.storage.queries import changes
from handlers.api.operation import Answer, Call, Invalid, NoBody, NoQuery, operation

_LONGEST = timedelta(days=30)
_CHANGED_WITHIN = timedelta(days=1)


class VerdictQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    since: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="When it was changed, in RFC 3339; up to 30 days ago. Of a model its last change by default."),
    ] = None
    service: Annotated[str, Meta(max_length=300, description="The service, or the model as a whole.")] = ""
    model: Annotated[str, Meta(max_length=300, description="Instead of `service`: the model of a `version`.")] = ""
    version: Annotated[str, Meta(max_length=200, description="The version of the model that is judged.")] = ""
    against: Annotated[
        str, Meta(max_length=200, description="The version beside which; default: the one that predicts most.")
    ] = ""
    worse_by: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        Meta(description="How much worse is tolerated; default: that of its monitor."),
    ] = None
    settle: Annotated[
        str, Meta(max_length=20, description="For how long nothing new is to be wrong, as in `10m`; up to 7d.")
    ] = "10m"


class VerdictShape(msgspec.Struct, frozen=True):
    ok: Annotated[bool | None, Meta(description="false: worse; true: not worse; null: too early to say.")]
    confidence: Annotated[float, Meta(ge=0, le=1, description="How sure that is.")]
    reasons: list[str]


class FlaggerMetadata(msgspec.Struct, frozen=True):
    service: Annotated[str, Meta(max_length=300, description="The service; default: the canary's name.")] = ""
    settle: Annotated[str, Meta(max_length=20, description="As for GET.")] = "10m"
    settled: Annotated[str, Meta(description="`true`: what is too early to say is refused, too: for gates.")] = ""
    model: Annotated[str, Meta(max_length=300, description="As for GET.")] = ""
    version: Annotated[str, Meta(max_length=200, description="As for GET.")] = ""
    against: Annotated[str, Meta(max_length=200, description="As for GET.")] = ""
    since: Annotated[str, Meta(max_length=40, description="As for GET; default: its last change.")] = ""


class FlaggerHook(msgspec.Struct, frozen=True):
    """What Flagger sends to webhooks; what else it sends is passed over."""

    name: Annotated[str, Meta(min_length=1, max_length=300, description="The canary's name.")]
    namespace: Annotated[str, Meta(max_length=300)] = ""
    phase: Annotated[str, Meta(max_length=100)] = ""
    metadata: FlaggerMetadata = FlaggerMetadata()


@operation(
    "GET",
    "/api/verdict",
    Scope.INCIDENTS_READ,
    summary="Whether a service is worse since a change",
    query=VerdictQuery,
    answer=VerdictShape,
)
async def verdict(call: Call[VerdictQuery, NoBody]) -> Answer:
    query = call.query
    if bool(query.service) == bool(query.model):
        raise Invalid("service, or model and version: one of them is expected.")
    since = _since(call, query.since) if query.since else None
    _settle(query.settle)
    if query.model:
        _refuse_unclear(query)
        since = since or await _last_change(call, query.model)
        if since is None:
            return Answer(_unchanged(call, query))
        return Answer(await verdict_on_version(call, _contest(call, query, since), query.settle, query.worse_by))
    _refuse_of_model(query.version, query.against, query.worse_by)
    if since is None:
        raise Invalid("since: the moment of the change is expected.")
    return Answer(await _verdict(call, query.service, since, query.settle))


@operation(
    "POST",
    "/api/verdict",
    Scope.INCIDENTS_READ,
    summary="The verdict as a webhook of Flagger: since the last change of the service, 409 where it is worse",
    body=FlaggerHook,
    example={"name": "checkout", "namespace": "shop", "phase": "Progressing", "metadata": {"service": "checkout"}},
    answer=VerdictShape,
    conflicts="The service is worse; or, with `settled`, it is too early to say",
)
async def verdict_for_flagger(call: Call[NoQuery, FlaggerHook]) -> Answer:
    asked = call.body.metadata
    if asked.settled not in ("", "true", "false"):
        raise Invalid(f"metadata.settled: true or false is expected, and not {asked.settled[:60]!r}.")
    _settle(asked.settle)
    if asked.model:
        _refuse_unclear(asked)
    service = asked.model or asked.service or call.body.name
    since = _since(call, _moment(asked.since)) if asked.since else await _last_change(call, service)
    if since is None:
        found = _unchanged(call, asked, service)
    elif asked.model:
        found = await verdict_on_version(call, _contest(call, asked, since), asked.settle, None)
    else:
        _refuse_of_model(asked.version, asked.against, None)
        found = await _verdict(call, service, since, asked.settle)
    if found.ok is False or (found.ok is None and asked.settled == "true"):
        raise Refused(f"{'It is worse' if found.ok is False else 'Too early to say'}: {'; '.join(found.reasons)}.")
    return Answer(found)


async def verdict_on_version(
    call: Call[Any, Any], contest: Contest, settle: str, worse_by: float | None
) -> VerdictShape:
    """How a version of a model does beside another, and whether the service that answers with it is worse."""
    model = call.backend.rules.models.get(contest.model)
    if call.backend.challenges is None:
        raise Invalid("model: this process keeps no rows of models.")
    challenges = await asyncio.to_thread(call.backend.challenges)
    judged = await challenges.verdict(contest, model, Asked(call.now, worse_by, _settle(settle)))
    found = VerdictShape(judged.ok, judged.confidence, judged.reasons)
    if model is None or model.served_by is None or judged.ok is False:
        return found
    served = await _verdict(call, model.served_by, contest.since, settle)
    if served.ok is False:
        return VerdictShape(False, served.confidence, [*_of(model.served_by, served), *found.reasons])
    if found.ok and served.ok is None:
        return VerdictShape(None, 0.0, [*_of(model.served_by, served), *found.reasons])
    return found


def _unchanged(call: Call[Any, Any], asked: VerdictQuery | FlaggerMetadata, service: str = "") -> VerdictShape:
    if asked.model and asked.model not in call.backend.rules.models:
        return VerdictShape(None, 0.0, [f"nothing is known of the model {asked.model}"])
    name, within = asked.model or service, format_duration(_CHANGED_WITHIN)
    return VerdictShape(None, 0.0, [f"no change of {name} is known of the last {within}"])


def _of(service: str, found: VerdictShape) -> list[str]:
    return [f"{service}: {reason}" for reason in found.reasons]


def _contest(call: Call[Any, Any], asked: VerdictQuery | FlaggerMetadata, since: datetime) -> Contest:
    return Contest(asked.model, asked.version.strip(), asked.against.strip(), since, call.caller.domains)


def _refuse_unclear(asked: VerdictQuery | FlaggerMetadata) -> None:
    """Also where there is nothing to judge yet: whoever sets a rollout up shall know before it begins."""
    version, against = asked.version.strip(), asked.against.strip()
    if not version:
        raise Invalid("version: the version of the model that is judged is expected.")
    if version == against:
        raise Invalid("against: another version than the one that is judged is expected.")


def _refuse_of_model(version: str, against: str, worse_by: float | None) -> None:
    if version or against or worse_by is not None:
        raise Invalid("version, against and worse_by are of a model: name it as model, not as service.")


def _moment(text: str) -> datetime:
    try:
        found: datetime = msgspec.convert(text, Annotated[datetime, Meta(tz=True)], strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"since: {error}.") from error
    return found


def _since(call: Call[Any, Any], given: datetime) -> datetime:
    since = given.astimezone(UTC)
    if not call.now - _LONGEST <= since <= call.now + timedelta(minutes=1):
        raise Invalid("since: a moment of the last 30 days is expected.")
    return since


async def _last_change(call: Call[Any, Any], name: str) -> datetime | None:
    """Of a model, or of the service that answers with it."""
    model = call.backend.rules.models.get(name)
    names = [name, *([model.served_by] if model is not None and model.served_by else [])]
    after = call.now - _CHANGED_WITHIN
    async with call.database.read() as connection:
        found = [await changes.last_change(connection, one, after, call.caller.domains) for one in names]
    return max((at for at in found if at is not None), default=None)


async def _verdict(call: Call[Any, Any], service: str, since: datetime, settle: str) -> VerdictShape:
    depends_on = call.backend.rules.depends_on
    described = {
        *depends_on,
        *(other for others in depends_on.values() for other in others),
        *call.backend.rules.models,
    }
    question = Question(service, since, _settle(settle), service in described, call.caller.domains)
    async with call.database.read() as connection:
        known = await look(connection, question, call.now)
    judged = judge(question, known, call.now)
    return VerdictShape(judged.ok, judged.confidence, judged.reasons)


def _settle(text: str) -> timedelta:
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise Invalid(f"settle: {error}.") from error
    if span > BEFORE:
        raise Invalid("settle: 7d is the most.")
    return span
