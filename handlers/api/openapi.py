"""``/openapi.json``: OpenAPI 3.1 of everything below ``/api``, made from the types that validate and answer.

https://spec.openapis.org/oas/v3.1.1.html
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
import msgspec.inspect

import bot
from handlers.api.operation import Operation, all_operations
from handlers.api.shapes import EventShape, Problem

_REF = "#/components/schemas/{name}"
_IN_PATH = re.compile(r"\{(\w+)\}")
_PROBLEM = "application/problem+json"
_ALWAYS = {
    400: "The request makes no sense; it says where.",
    401: "No token, or one that is not valid.",
    403: "The token lacks the scope.",
    429: "Too many requests of this token.",
    503: "The database is not available.",
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag that the incident still has to have.",
    "schema": {"type": "string", "pattern": '^(\\*|"[0-9]{1,15}")$'},
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "With the same key within a day the same request is carried out once.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}
_ABOUT = """Incidents, what is done to them, runs, silences, the audit log, services and models. Every change passes the
same rules as commands and buttons in Slack; the token's name is the actor."""

Schema = dict[str, Any]
_POSITION = {"type": "string", "pattern": "^[0-9]{1,15}$"}
_EVENTS: Schema = {
    "operationId": "stream_events",
    "summary": "What happens, as Server-Sent Events",
    "description": (
        "Scope: incidents:read. The stream has no end. Each event has an id, behind which `Last-Event-ID` or `after` "
        "goes on, a name (`incident.opened`, `incident.note`, `run.changed` …) and an EventShape as its data."
    ),
    "tags": ["events"],
    "parameters": [
        {"name": "Last-Event-ID", "in": "header", "required": False, "schema": _POSITION},
        {"name": "after", "in": "query", "required": False, "schema": _POSITION},
    ],
    "responses": {
        "200": {"description": "The stream.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **{
            str(status): {
                "description": why,
                "content": {_PROBLEM: {"schema": {"$ref": _REF.format(name=Problem.__name__)}}},
            }
            for status, why in _ALWAYS.items()
        },
    },
}

_REPORT: Schema = {
    "operationId": "report_incident",
    "summary": "The report of an incident, as Markdown",
    "description": "Scope: incidents:read. Impact, causes with evidence, what was done, notes, timeline and alerts.",
    "tags": ["incidents"],
    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
    "responses": {
        "200": {"description": "The report.", "content": {"text/markdown": {"schema": {"type": "string"}}}},
        **{
            str(status): {
                "description": why,
                "content": {_PROBLEM: {"schema": {"$ref": _REF.format(name=Problem.__name__)}}},
            }
            for status, why in (_ALWAYS | {404: "There is no such incident."}).items()
        },
    },
}


@cache
def document() -> bytes:
    """The document, encoded."""
    return msgspec.json.encode(described(all_operations()))


def described(operations: list[Operation]) -> Schema:
    schemas = _schemas(operations)
    paths: dict[str, Schema] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    paths["/api/events"] = {"get": _EVENTS}
    paths["/api/incidents/{id}/report.md"] = {"get": _REPORT}
    queries = {one.query.__name__ for one in operations}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tandem", "version": bot.__version__, "description": _ABOUT},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in schemas.items() if name not in queries},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(operations: list[Operation]) -> dict[str, Schema]:
    types = {kind for one in operations for kind in (one.query, one.body, one.answer) if kind is not None}
    ordered = sorted(types | {Problem, EventShape}, key=lambda kind: kind.__name__)
    _, found = msgspec.json.schema_components(ordered, ref_template=_REF)
    for name, fields in _moments(ordered).items():
        for field in fields:
            _say_moment(found[name]["properties"][field])
    return dict(found)


def _moments(kinds: Iterable[type]) -> dict[str, list[str]]:
    """The fields of each object that are moments: msgspec calls them plain strings."""
    found: dict[str, list[str]] = {}
    waiting: list[object] = [msgspec.inspect.type_info(kind) for kind in kinds]
    while waiting:
        match waiting.pop():
            case msgspec.inspect.StructType(cls=kind, fields=fields) if kind.__name__ not in found:
                found[kind.__name__] = [one.encode_name for one in fields if _is_moment(one.type)]
                waiting += [one.type for one in fields]
            case msgspec.inspect.UnionType(types=types):
                waiting += types
            case msgspec.inspect.ListType(item_type=item) | msgspec.inspect.Metadata(type=item):
                waiting.append(item)
    return found


def _is_moment(kind: msgspec.inspect.Type) -> bool:
    match kind:
        case msgspec.inspect.UnionType(types=types):
            return any(map(_is_moment, types))
        case msgspec.inspect.Metadata(type=inner):
            return _is_moment(inner)
    return isinstance(kind, msgspec.inspect.DateTimeType)


def _say_moment(schema: Schema) -> None:
    for one in schema.get("anyOf", [schema]):
        if one.get("type") == "string":
            one["format"] = "date-time"


def _operation(one: Operation, schemas: dict[str, Schema]) -> Schema:
    made: Schema = {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"Scope: {' or '.join(one.scopes)}.",
        "tags": [one.path.split("/")[2]],
        "parameters": [*_in_path(one), *_in_query(one, schemas)],
        "responses": {str(status): answer for status, answer in sorted(_answers(one).items())},
    }
    if one.changes:
        made["parameters"] += [_IF_MATCH, _KEY] if one.path.startswith("/api/incidents/") else [_KEY]
        if one.method in ("POST", "PUT"):
            made["requestBody"] = _body(one, schemas)
    return made


def _in_path(one: Operation) -> list[Schema]:
    schema = {"type": "string", "minLength": 1, "maxLength": 200}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in _IN_PATH.findall(one.path)]


def _in_query(one: Operation, schemas: dict[str, Schema]) -> list[Schema]:
    """What may be left out has no null in an address."""
    known = schemas[one.query.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in known.get("required", ()),
            "schema": _without_null(schema),
            **({"description": schema["description"]} if "description" in schema else {}),
        }
        for name, schema in known["properties"].items()
    ]


def _without_null(schema: Schema) -> Schema:
    left = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    choices = [one for one in left.pop("anyOf", []) if one != {"type": "null"}]
    if "enum" in left:
        left["enum"] = [one for one in left["enum"] if one is not None]
    return {**left, **choices[0]} if len(choices) == 1 else {**left, "anyOf": choices} if choices else left


def _body(one: Operation, schemas: dict[str, Schema]) -> Schema:
    content: Schema = {"schema": {"$ref": _REF.format(name=one.body.__name__)}}
    if one.example is not None:
        content["example"] = one.example
    required = bool(schemas[one.body.__name__].get("required"))
    return {"required": required, "content": {"application/json": content}}


_NAMING = frozenset({"incident", "runbook", "service", "team"})
"""Parameters that name something, which is to be there."""


def _answers(one: Operation) -> dict[int, Schema]:
    said = dict(_ALWAYS)
    if "{" in one.path or one.changes or _NAMING.intersection(one.query.__struct_fields__):
        said[404] = "It is not there, or not in the token's domains."
    if one.changes:
        said |= {
            408: "The body did not arrive in time.",
            409: f"{one.conflicts}; or the key came with another request." if one.conflicts else "The key's conflict.",
            412: "It has changed since the version in If-Match.",
            413: "The body is too large.",
            415: "The body is packed in a way that is not taken.",
        }
    schema = {"$ref": _REF.format(name="Problem")}
    answers = {status: {"description": why, "content": {_PROBLEM: {"schema": schema}}} for status, why in said.items()}
    statuses = [200, 201] if one.method == "PUT" else [201 if one.made else 200]
    return {**answers, **{status: _success(one, made=status == 201) for status in statuses}}


def _success(one: Operation, *, made: bool) -> Schema:
    answer: Schema = {"description": "Made." if made else "Done." if one.changes else "What was asked for."}
    if one.answer is not None:
        answer["content"] = {"application/json": {"schema": {"$ref": _REF.format(name=one.answer.__name__)}}}
    return answer
