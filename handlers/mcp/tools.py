"""The tools of an agent: operations of the API under the names of :data:`TOOLS`. None approves anything.

Names of arguments and their types are those of the API, so that one description serves both.
"""

import re
from functools import cache
from typing import Any, NamedTuple

import msgspec

from handlers.api.operation import Operation, all_operations

TOOLS = {
    "list_incidents": ("list_incidents", "Start here: what is wrong now and what was. Alerts are left out."),
    "show_incident": (
        "get_incident",
        "One incident: causes with evidence, alerts, runs, timeline and past incidents like it.",
    ),
    "list_changes": ("list_changes", "What was changed about a service: deploys, configuration, models."),
    "list_services": ("list_services", "The topology: what each service depends on, its teams and open incidents."),
    "fitting_runbooks": ("list_runbooks", "The remediations that fit an incident: names that propose_run takes."),
    "list_runs": ("list_runs", "Remediations that were proposed or run, and how they ended."),
    "who_is_on_call": ("get_oncall", "Whom to call: of every schedule, or of a service or a team."),
    "ask": (
        "ask_incident",
        "Ask in plain words: what changed, why, is it still happening, what was it last time, what depends on it.",
    ),
    "list_silences": ("list_silences", "What is silenced, by whom and until when."),
    "read_stats": ("get_stats", "MTTA, MTTR, noise and what was verified, by service or team."),
    "read_noise": (
        "get_noise",
        "Which alerts called people for nothing, by what people did, and the setting that would have spared them.",
    ),
    "list_models": ("list_models", "Machine-learning models and the state of their monitors."),
    "show_model": ("get_model", "One model and its monitors."),
    "model_history": ("get_model_history", "What a model's monitors found over time."),
    "acknowledge": ("acknowledge_incident", "Say that somebody looks after it. The token's name is shown."),
    "note": ("add_note", "Write a note into the timeline, for people."),
    "propose_run": ("propose_run", "Propose a runbook. People see it and decide; nothing is run by this."),
}
"""Operation to the tool's name and what it is for."""

_IN_PATH = re.compile(r"\{(\w+)\}")
Schema = dict[str, Any]


class Tool(NamedTuple):
    """``defaults`` are given where the agent gives nothing: what keeps an answer small."""

    name: str
    description: str
    operation: Operation
    schema: Schema
    in_path: tuple[str, ...]
    in_query: tuple[str, ...]
    defaults: dict[str, Any]


@cache
def all_tools() -> dict[str, Tool]:
    """Every tool, by name."""
    found = [_tool(one, *TOOLS[one.name]) for one in all_operations() if one.name in TOOLS]
    return {tool.name: tool for tool in found}


def _tool(operation: Operation, name: str, purpose: str) -> Tool:
    in_path = tuple(_IN_PATH.findall(operation.path))
    in_query = tuple(field.encode_name for field in msgspec.structs.fields(operation.query))
    defaults = {"alerts": False, "limit": 10} if operation.name == "list_incidents" else {}
    return Tool(
        name, f"{purpose} {operation.summary}.", operation, _schema(operation, in_path), in_path, in_query, defaults
    )


def _schema(operation: Operation, in_path: tuple[str, ...]) -> Schema:
    """The parts of the path, the query and the body as one object."""
    (query, body), definitions = msgspec.json.schema_components((operation.query, operation.body))
    parts = [definitions.pop(one["$ref"].rpartition("/")[2]) for one in (query, body)]
    properties: Schema = {name: {"type": "string", "description": _PARTS.get(name, name)} for name in in_path}
    required = list(in_path)
    for part in parts:
        properties |= part.get("properties", {})
        required += part.get("required", [])
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return schema | ({"$defs": definitions} if definitions else {})


_PARTS = {"id": "The id or number of an incident.", "model": "The name of a model."}
