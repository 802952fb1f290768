"""Silences: listed, made and ended. A token of some domains sees and makes only those that hold in these alone."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
import re2
from msgspec import Meta

from bot.domain.access.scope import Scope
from bot.domain.event import domain_of
from bot.domain.matcher import Matcher
from bot.domain.silence import Silence
from bot.errors import Forbidden, NotFound
from bot.incidents.silencing import add_silence, declare_silence, end_silence, parse_silence_span
from bot.storage.queries import silences
from handlers.api.operation import Answer, Call, Invalid, NoBody, NoQuery, operation
from handlers.api.operations.deeds import Matchers, matchers_in
from handlers.api.shapes import SilencePage, SilenceShape

_OWN_ID = re.compile(r"[a-z][a-z0-9-]{2,39}")
_UNKNOWN = "There is no silence of that id."


Moment = Annotated[datetime, Meta(tz=True)]


class SilenceQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=500)] = 500
    cursor: Annotated[str | None, Meta(description="`next` of the page before.")] = None


class MakeSilence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    matchers: Annotated[Matchers, Meta(description="In Alertmanager's notation; all must hold.")]
    duration: Annotated[str, Meta(max_length=20, description="As in `30m`, `1h` or `2d`; up to 30 days.")]
    comment: Annotated[str, Meta(max_length=500)] = ""
    anyway: Annotated[bool, Meta(description="Also where it matches most of what fires.")] = False


@operation(
    "GET",
    "/api/silences",
    Scope.INCIDENTS_READ,
    Scope.SILENCES_WRITE,
    summary="List the silences in force, the first to end first",
    query=SilenceQuery,
    answer=SilencePage,
)
async def list_silences(call: Call[SilenceQuery, NoBody]) -> Answer:
    async with call.database.read() as connection:
        found = await silences.not_ended(connection, call.now)
    seen = sorted((one for one in found if _sees(call, one.matchers)), key=lambda one: (one.ends_at, one.id))
    start = 0
    if call.query.cursor is not None:
        start = next((place for place, one in enumerate(seen, 1) if one.id == call.query.cursor), -1)
        if start < 0:
            raise Invalid("cursor: the value of `next` of the page before is expected.")
    shown = seen[start : start + call.query.limit]
    following = shown[-1].id if start + call.query.limit < len(seen) else None
    return Answer(SilencePage([_shape(one) for one in shown], following))


@operation(
    "POST",
    "/api/silences",
    Scope.SILENCES_WRITE,
    summary="Silence alerts that match",
    body=MakeSilence,
    example={"matchers": ['service="cart"'], "duration": "1h", "comment": "known"},
    answer=SilenceShape,
    conflicts="It would match most of what fires, and `anyway` is not given",
    made=True,
)
async def make_silence(call: Call[NoQuery, MakeSilence]) -> Answer:
    body = call.body
    try:
        span = parse_silence_span(body.duration)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"duration: {error}") from error
    matchers = _within(call, matchers_in(body.matchers))
    made = await add_silence(call.database, matchers, span, body.comment, call.who, call.now, anyway=body.anyway)
    shape = msgspec.structs.replace(_shape(made.silence), matches=made.reach.in_words())
    return Answer(shape, made=f"/api/silences/{made.silence.id}")


class DeclareSilence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    matchers: Annotated[Matchers, Meta(description="In Alertmanager's notation; all must hold.")]
    ends_at: Annotated[Moment, Meta(description="Up to 30 days from its start, or from now.")]
    starts_at: Annotated[Moment | None, Meta(description="Default: the start that it has; for a new one, now.")] = None
    comment: Annotated[str, Meta(max_length=500)] = ""
    anyway: Annotated[bool, Meta(description="Also where it matches most of what fires.")] = False


@operation(
    "GET",
    "/api/silences/{id}",
    Scope.INCIDENTS_READ,
    Scope.SILENCES_WRITE,
    summary="Read a silence, also one that is over",
    answer=SilenceShape,
)
async def get_silence(call: Call[NoQuery, NoBody]) -> Answer:
    return Answer(_shape(await _seen(call)))


@operation(
    "PUT",
    "/api/silences/{id}",
    Scope.SILENCES_WRITE,
    summary="Declare a silence under an id of your own; declaring it again changes nothing",
    body=DeclareSilence,
    example={"matchers": ['service="cart"'], "ends_at": "2026-12-01T06:00:00Z", "comment": "move of the database"},
    answer=SilenceShape,
    conflicts="It would match most of what fires, and `anyway` is not given; or it would last too long",
)
async def put_silence(call: Call[NoQuery, DeclareSilence]) -> Answer:
    given, body = call.path["id"], call.body
    if not _OWN_ID.fullmatch(given):
        raise Invalid("id: give 3 to 40 of the characters a to z, 0 to 9 and -, beginning with a letter.")
    async with call.database.read() as connection:
        known = (await silences.by_ids(connection, [given])).get(given)
    if known is not None and not _sees(call, known.matchers):
        raise NotFound(_UNKNOWN)
    silence = Silence(
        id=given,
        matchers=_within(call, matchers_in(body.matchers)),
        starts_at=body.starts_at or (known.starts_at if known else call.now),
        ends_at=body.ends_at,
        created_by=call.caller.name,
        comment=body.comment,
    )
    declared = await declare_silence(call.database, silence, call.who, call.now, anyway=body.anyway)
    shape = _shape(declared.silence)
    if declared.reach is not None:
        shape = msgspec.structs.replace(shape, matches=declared.reach.in_words())
    return Answer(shape, made=f"/api/silences/{given}" if declared.new else "")


@operation(
    "DELETE",
    "/api/silences/{id}",
    Scope.SILENCES_WRITE,
    summary="End a silence now",
    answer=SilenceShape,
)
async def delete_silence(call: Call[NoQuery, NoBody]) -> Answer:
    known = await _seen(call)
    if known.ends_at <= call.now:
        raise NotFound(_UNKNOWN)
    await end_silence(call.database, known.id, call.who, call.now)
    return Answer(_shape(msgspec.structs.replace(known, ends_at=call.now)))


async def _seen(call: Call[NoQuery, NoBody]) -> Silence:
    """The silence of the id in the address. Raises NotFound, also where the token may not see it."""
    given = call.path["id"]
    known = None
    if "\x00" not in given and given.isprintable():
        async with call.database.read() as connection:
            known = (await silences.by_ids(connection, [given])).get(given)
    if known is None or not _sees(call, known.matchers):
        raise NotFound(_UNKNOWN)
    return known


def _shape(silence: Silence) -> SilenceShape:
    return SilenceShape(
        id=silence.id,
        matchers=[str(matcher) for matcher in silence.matchers],
        starts_at=silence.starts_at,
        ends_at=silence.ends_at,
        created_by=silence.created_by,
        comment=silence.comment,
        origin=silence.origin,
    )


def _within(call: Call[Any, Any], matchers: list[Matcher]) -> list[Matcher]:
    """The matchers, and one that keeps them to the token's domains where they are not. Raises Forbidden."""
    if _sees(call, matchers):
        return matchers
    labels, domains = call.backend.rules.correlation.partition_by, sorted(call.caller.domains or ())
    named = {matcher.label for matcher in matchers}
    if len(labels) != 1 or labels[0] in named:
        raise Forbidden(f"This token is for {', '.join(domains)}: name {' and '.join(labels)} of one of them with `=`.")
    if len(domains) == 1:
        return [*matchers, Matcher(labels[0], "=", domains[0])]
    return [*matchers, _any_of(labels[0], domains)]


def _any_of(label: str, domains: Sequence[str]) -> Matcher:
    return Matcher(label, "=~", "|".join(map(re2.escape, domains)))


def _sees(call: Call[Any, Any], matchers: Sequence[Matcher]) -> bool:
    """Whether what matches is of the token's domains alone."""
    domains = call.caller.domains
    if domains is None:
        return True
    labels = call.backend.rules.correlation.partition_by
    exact = {matcher.label: matcher.value for matcher in matchers if matcher.operator == "="}
    if labels and all(label in exact for label in labels):
        return domain_of(exact, labels) in domains
    return len(labels) == 1 and _any_of(labels[0], sorted(domains)) in matchers
