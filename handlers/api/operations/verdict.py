"""The verdict on a service since a change, for what decides on a rollout: Argo Rollouts, Flagger, pipelines."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bot.domain.access.scope import Scope
from bot.domain.duration import format_duration, parse_duration
from bot.errors import Refused
from bot.incidents.verdict import BEFORE, Question, judge, look
from bot.storage.queries import changes
from handlers.api.operation import Answer, Call, Invalid, NoBody, NoQuery, operation

_LONGEST = timedelta(days=30)
_CHANGED_WITHIN = timedelta(days=1)


class VerdictQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    service: Annotated[str, Meta(min_length=1, max_length=300, description="The service, or the model.")]
    since: Annotated[datetime, Meta(tz=True, description="When it was changed, in RFC 3339; up to 30 days ago.")]
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
    query, since = call.query, call.query.since.astimezone(UTC)
    if not call.now - _LONGEST <= since <= call.now + timedelta(minutes=1):
        raise Invalid("since: a moment of the last 30 days is expected.")
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
    service = asked.service or call.body.name
    async with call.database.read() as connection:
        since = await changes.last_change(connection, service, call.now - _CHANGED_WITHIN, call.caller.domains)
    if since is None:
        span = format_duration(_CHANGED_WITHIN)
        found = VerdictShape(None, 0.0, [f"no change of {service} is known of the last {span}"])
    else:
        found = await _verdict(call, service, since, asked.settle)
    if found.ok is False or (found.ok is None and asked.settled == "true"):
        raise Refused(f"{'It is worse' if found.ok is False else 'Too early to say'}: {'; '.join(found.reasons)}.")
    return Answer(found)


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
