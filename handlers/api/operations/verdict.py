"""The verdict on a service since a change, for what decides on a rollout: Argo Rollouts, Flagger, pipelines."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.domain.access.scope import Scope
from bot.domain.duration import parse_duration
from bot.incidents.verdict import BEFORE, Question, judge, look
from handlers.api.operation import Answer, Call, Invalid, NoBody, operation

_LONGEST = timedelta(days=30)


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
    depends_on = call.backend.rules.depends_on
    described = {
        *depends_on,
        *(other for others in depends_on.values() for other in others),
        *call.backend.rules.models,
    }
    question = Question(query.service, since, _settle(query.settle), query.service in described, call.caller.domains)
    async with call.database.read() as connection:
        known = await look(connection, question, call.now)
    judged = judge(question, known, call.now)
    return Answer(VerdictShape(judged.ok, judged.confidence, judged.reasons))


def _settle(text: str) -> timedelta:
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise Invalid(f"settle: {error}.") from error
    if span > BEFORE:
        raise Invalid("settle: 7d is the most.")
    return span
