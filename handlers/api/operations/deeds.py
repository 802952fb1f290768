"""What is done to incidents: the same functions as behind commands and buttons, with the token's name as the actor."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bot.domain.access.person import is_user
from bot.domain.access.scope import Scope
from bot.domain.deed import MOST_NOTE, MOST_TITLE, Role
from bot.domain.matcher import Matcher, parse_matchers
from bot.domain.severity import Severity, known_severity
from bot.errors import NotFound
from bot.incidents import lifecycle, ownership, regroup
from bot.incidents.declaring import Declaration, declare
from handlers.api.found import changed, incident_in, incident_of
from handlers.api.operation import Answer, Call, Invalid, NoBody, NoQuery, operation
from handlers.api.shapes import IncidentShape

_WRITE = Scope.INCIDENTS_WRITE
AUTO = "auto"
Matchers = Annotated[list[Annotated[str, Meta(min_length=1, max_length=1000)]], Meta(min_length=1, max_length=50)]
SeverityWord = Annotated[str, Meta(max_length=100, examples=["critical", "high", "warning", "info", "P1"])]


class Declare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1, max_length=MOST_TITLE)]
    service: Annotated[str, Meta(max_length=200)] = ""
    severity: SeverityWord | None = None
    labels: Annotated[
        dict[str, Annotated[str, Meta(max_length=200)]],
        Meta(description="Labels of `correlation.partition_by`: which alerts may become part of it."),
    ] = {}


class Resolve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    unless_firing: Annotated[bool, Meta(description="Answer 409 where alerts of it fire.")] = False


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1, max_length=MOST_NOTE)]


class Assign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user: Annotated[str, Meta(description="A Slack user's id.", max_length=40)]


class GiveRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Role
    user: Annotated[
        Annotated[str, Meta(max_length=40)] | None, Meta(description="A Slack user's id; null: nobody any more.")
    ]


class SetSeverity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    severity: Annotated[SeverityWord, Meta(description="Any usual word; `auto` lets it follow the alerts again.")]


class Merge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    into: Annotated[int | str, Meta(description="The number or id of the incident that goes on.")]


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    matchers: Annotated[Matchers, Meta(description="Which alerts leave, in Alertmanager's notation.")]


@operation(
    "POST",
    "/api/incidents",
    _WRITE,
    summary="Open an incident by hand",
    body=Declare,
    example={"title": "Customers cannot pay", "service": "checkout", "severity": "high"},
    answer=IncidentShape,
    conflicts="Its service has alerted in several domains",
    made=True,
)
async def open_incident(call: Call[NoQuery, Declare]) -> Answer:
    body, rules = call.body, call.backend.rules
    known = rules.correlation.partition_by
    if unknown := next((name for name in body.labels if name not in known), None):
        raise Invalid(f"labels: {unknown[:60]!r} is none of {', '.join(known) or 'no labels'}.")
    if not body.title.strip():
        raise Invalid("title: say what is wrong, in a few words.")
    severity = _severity(call, body.severity) if body.severity is not None else None
    wish = Declaration(body.title, body.service, severity, body.labels)
    opened = await declare(call.database, wish, rules, call.who, call.now)
    return await changed(call, opened.id, made=f"/api/incidents/{opened.id}")


@operation(
    "POST",
    "/api/incidents/{id}/acknowledge",
    _WRITE,
    summary="Acknowledge it: the token looks after it",
    answer=IncidentShape,
    conflicts="It is acknowledged or resolved",
)
async def acknowledge(call: Call[NoQuery, NoBody]) -> Answer:
    incident = await incident_of(call)
    await lifecycle.acknowledge(call.database, incident.id, call.who, call.now)
    return await changed(call, incident.id)


@operation(
    "POST",
    "/api/incidents/{id}/unacknowledge",
    _WRITE,
    summary="Take the acknowledgement back: it calls again",
    answer=IncidentShape,
    conflicts="It is not acknowledged, or resolved",
)
async def unacknowledge(call: Call[NoQuery, NoBody]) -> Answer:
    incident = await incident_of(call)
    await lifecycle.unacknowledge(call.database, incident.id, call.who, call.now)
    return await changed(call, incident.id)


@operation(
    "POST",
    "/api/incidents/{id}/resolve",
    _WRITE,
    summary="Resolve it",
    body=Resolve,
    example={"unless_firing": True},
    answer=IncidentShape,
    conflicts="It is resolved, or its alerts fire",
)
async def resolve(call: Call[NoQuery, Resolve]) -> Answer:
    incident = await incident_of(call)
    if_firing = not call.body.unless_firing
    await lifecycle.resolve(call.database, incident.id, call.who, call.now, if_firing=if_firing)
    return await changed(call, incident.id)


@operation(
    "POST",
    "/api/incidents/{id}/reopen",
    _WRITE,
    summary="Open it again",
    answer=IncidentShape,
    conflicts="It is open, or became part of another one",
)
async def reopen(call: Call[NoQuery, NoBody]) -> Answer:
    incident = await incident_of(call)
    await lifecycle.reopen(call.database, incident.id, call.who, call.now)
    return await changed(call, incident.id)


@operation(
    "POST",
    "/api/incidents/{id}/notes",
    _WRITE,
    summary="Write a note in its timeline",
    body=Note,
    example={"text": "replica 3 was restarted"},
    answer=IncidentShape,
    made=True,
)
async def note(call: Call[NoQuery, Note]) -> Answer:
    incident = await incident_of(call)
    if not call.body.text.strip():
        raise Invalid("text: there is nothing written.")
    await ownership.note(call.database, incident.id, call.body.text, call.who, call.now)
    return await changed(call, incident.id, made=f"/api/incidents/{incident.id}")


@operation(
    "POST",
    "/api/incidents/{id}/updates",
    _WRITE,
    summary="Write how it stands: a reply in its thread that the channel shows, too",
    body=Note,
    example={"text": "carts work again"},
    answer=IncidentShape,
    made=True,
)
async def write_update(call: Call[NoQuery, Note]) -> Answer:
    incident = await incident_of(call)
    if not call.body.text.strip():
        raise Invalid("text: there is nothing written.")
    await ownership.update(call.database, incident.id, call.body.text, call.who, call.now)
    return await changed(call, incident.id, made=f"/api/incidents/{incident.id}")


@operation(
    "POST",
    "/api/incidents/{id}/assign",
    _WRITE,
    summary="Give it to somebody",
    body=Assign,
    example={"user": "U012AB3CD"},
    answer=IncidentShape,
    conflicts="It is theirs, or resolved",
)
async def assign(call: Call[NoQuery, Assign]) -> Answer:
    incident = await incident_of(call)
    if not is_user(call.body.user):
        raise Invalid("user: the id of a Slack user is expected, as in U012AB3CD.")
    await ownership.assign(call.database, incident.id, call.body.user, call.who, call.now)
    return await changed(call, incident.id)


@operation(
    "POST",
    "/api/incidents/{id}/roles",
    _WRITE,
    summary="Let somebody lead it or be its scribe, or nobody any more",
    body=GiveRole,
    example={"role": "lead", "user": "U012AB3CD"},
    answer=IncidentShape,
    conflicts="They have it, or it is resolved",
)
async def give_role(call: Call[NoQuery, GiveRole]) -> Answer:
    incident = await incident_of(call)
    if call.body.user is not None and not is_user(call.body.user):
        raise Invalid("user: the id of a Slack user is expected, as in U012AB3CD, or null.")
    await ownership.give_role(call.database, incident.id, call.body.role, call.body.user, call.who, call.now)
    return await changed(call, incident.id)


@operation(
    "POST",
    "/api/incidents/{id}/severity",
    _WRITE,
    summary="Set its severity, which holds whatever its alerts say",
    body=SetSeverity,
    example={"severity": "high"},
    answer=IncidentShape,
    conflicts="It has that severity, or is resolved",
)
async def set_severity(call: Call[NoQuery, SetSeverity]) -> Answer:
    incident = await incident_of(call)
    severity = None if call.body.severity == AUTO else _severity(call, call.body.severity)
    await ownership.set_severity(call.database, incident.id, severity, call.who, call.now)
    return await changed(call, incident.id)


@operation(
    "POST",
    "/api/incidents/{id}/merge",
    _WRITE,
    summary="Make it part of another incident, which is the answer",
    body=Merge,
    example={"into": 9},
    answer=IncidentShape,
    conflicts="One of them is resolved, a run is under way, or their alerts never meet",
)
async def merge(call: Call[NoQuery, Merge]) -> Answer:
    async with call.database.read() as connection:
        gone = await incident_in(connection, call, call.path["id"])
        try:
            kept = await incident_in(connection, call, str(call.body.into))
        except NotFound as error:
            raise NotFound("into: there is no incident of that number or id.") from error
    await regroup.merge_by_hand(call.database, gone.number, kept.number, call.who, call.now)
    return await changed(call, kept.id)


@operation(
    "POST",
    "/api/incidents/{id}/split",
    _WRITE,
    summary="Give the alerts that match an incident of their own, which is the answer",
    body=Split,
    example={"matchers": ['service="cart"']},
    answer=IncidentShape,
    conflicts="It is resolved, a run is under way, or the matchers match none or all",
    made=True,
)
async def split(call: Call[NoQuery, Split]) -> Answer:
    incident = await incident_of(call)
    matchers = matchers_in(call.body.matchers)
    _, new = await regroup.split_by_hand(call.database, incident.number, matchers, call.who, call.now)
    return await changed(call, new.id, made=f"/api/incidents/{new.id}")


def matchers_in(texts: list[str]) -> list[Matcher]:
    """Raises Invalid."""
    try:
        found = [matcher for text in texts for matcher in parse_matchers(text)]
    except ValueError as error:
        raise Invalid(f"matchers: {error}") from error
    if not found:
        raise Invalid("matchers: say which alerts.")
    return found


def _severity(call: Call[Any, Any], word: str) -> Severity:
    level = known_severity(word, call.backend.rules.severities)
    if level is None:
        raise Invalid(f"severity: {word[:40]!r} is none of {', '.join(Severity)}.")
    return level
