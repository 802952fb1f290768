"""The generated parts of ``bot/client``: the types of answers, and the client that does not need asyncio.

python -m tests.unit.docs.client
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from handlers.api import openapi

CLIENT = Path(__file__).parents[3] / "bot" / "client"
_HEAD = '''"""What the API answers, made of ``/openapi.json`` by ``python -m tests.unit.docs.client``.

Words such as a status are plain strings, and what a server does not know yet has an empty value: a client of this
version works with those before and after.
"""

from __future__ import annotations

'''
_SYNCHRONOUS = (
    ("The client for asyncio. ``synchronous.py`` is made of this file", "The client, made of ``asynchronous.py``"),
    (
        "The connection of the client for asyncio. ``connected.py`` is made of this file",
        "The connection of the client, made of ``connected_async.py``",
    ),
    ("connected_async import", "connected import"),
    ("AsyncConnection", "Connection"),
    ("sleep_async", "sleep"),
    ("AsyncIterator", "Iterator"),
    ("AsyncRetrying", "Retrying"),
    ("AsyncClient", "Client"),
    ("AsyncTandem", "Tandem"),
    ("async ", ""),
    ("await ", ""),
    ("__aenter__", "__enter__"),
    ("__aexit__", "__exit__"),
    ("aclose", "close"),
    ("aread", "read"),
)


def answers() -> dict[str, str]:
    """The modules: what an incident holds, what is said of models, and everything else."""
    document = json.loads(openapi.document())
    schemas = document["components"]["schemas"]
    wanted = _answered(document, schemas)
    incident = _reached({"IncidentShape"}, schemas)
    model = (_reached({"ModelPage"}, schemas) & wanted) - incident
    parts = {"incident": incident, "model": model, "other": wanted - incident - model}
    modules = {name: sorted(part, key=_own) for name, part in parts.items()}
    found = {f"answers/{name}.py": _module(names, schemas) for name, names in modules.items()}
    every = [f"    {_own(name)!r},".replace("'", '"') for name in sorted(wanted, key=_own)]
    imports = [_imports(name, sorted(map(_own, names), key=str.casefold)) for name, names in modules.items()]
    head = _HEAD.split("\n\nfrom", maxsplit=1)[0]
    found["answers/__init__.py"] = "\n".join([head, "", *imports, "", "__all__ = [", *every, "]", ""])
    return found


def _imports(module: str, names: list[str]) -> str:
    lines = "".join(f"    {name},\n" for name in names)
    return f"from bot.client.answers.{module} import (\n{lines})"


def _module(names: list[str], schemas: dict[str, Any]) -> str:
    classes = "\n\n".join(_class(name, schemas[name], schemas) for name in names)
    used = {word for word in re.findall(r"[A-Z]\w+", classes)}
    abroad = sorted(used & {_own(name) for name in _reached({"IncidentShape"}, schemas)} - set(map(_own, names)))
    lines = ["from datetime import datetime"] if "datetime" in classes else []
    lines += ["from typing import Any"] if "Any" in used else []
    lines += ["", "import msgspec"]
    lines += ["", f"from bot.client.answers.incident import {', '.join(abroad)}"] if abroad else []
    return _HEAD + "\n".join(lines) + "\n\n\n" + classes


def synchronous(name: str) -> str:
    text = (CLIENT / name).read_text()
    for before, after in _SYNCHRONOUS:
        text = text.replace(before, after)
    text = re.sub(r"for (\w+) in ([^\n]+|[\w.]+\(\n[^:]+?\n +\)):\n +yield \1\n", r"yield from \2\n", text)
    return _formatted(text)


def _formatted(text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        cwd=CLIENT,
    )
    return done.stdout


def _answered(document: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """The objects in answers of success, and in those."""
    text = json.dumps(
        [
            answer
            for path in document["paths"].values()
            for operation in path.values()
            for status, answer in operation["responses"].items()
            if status.startswith("2")
        ]
    )
    return _reached(_named(text) | {"EventShape"}, schemas)


def _reached(names: set[str], schemas: dict[str, Any]) -> set[str]:
    found, waiting = set[str](), set(names)
    while waiting:
        name = waiting.pop()
        if name not in found and "properties" in schemas[name]:
            found.add(name)
            waiting |= _named(json.dumps(schemas[name]))
    return found


def _named(text: str) -> set[str]:
    return set(re.findall(r"#/components/schemas/(\w+)", text))


def _class(name: str, schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    fields = [f"    {field}: {_with_default(one, schemas)}" for field, one in schema["properties"].items()]
    return f"class {_own(name)}(msgspec.Struct, frozen=True, kw_only=True):\n" + "\n".join(fields) + "\n"


def _own(name: str) -> str:
    """Its name here: what the server calls a shape is the thing itself for a client."""
    plain = name.removesuffix("Shape")
    return {"Audit": "AuditEntry", "Timeline": "TimelineEntry"}.get(plain, plain)


def _with_default(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    kind = _kind(schema, schemas)
    defaults = {"str": '""', "int": "0", "float": "0.0", "bool": "False"}
    if kind.endswith("| None"):
        return f"{kind} = None"
    if kind.startswith("list"):
        return f"{kind} = []"
    if kind.startswith("dict"):
        return f"{kind} = {{}}"
    return f"{kind} = {defaults[kind]}" if kind in defaults else kind


def _kind(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return _own(name) if "properties" in schemas[name] else "str"
    if "anyOf" in schema:
        kinds = list(dict.fromkeys(_kind(one, schemas) for one in schema["anyOf"]))
        return " | ".join([one for one in kinds if one != "None"] + [one for one in kinds if one == "None"])
    if "enum" in schema:
        return "str" if all(isinstance(one, str) for one in schema["enum"]) else "str | None"
    return _plain(schema, schemas)


def _plain(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    match schema.get("type"):
        case "array":
            return f"list[{_kind(schema['items'], schemas)}]"
        case "object":
            values = schema.get("additionalProperties")
            return f"dict[str, {_kind(values, schemas) if isinstance(values, dict) and values else 'Any'}]"
        case "string":
            return "datetime" if schema.get("format") == "date-time" else "str"
        case "integer" | "number" | "boolean" | "null" as name:
            return {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}[name]
    return "Any"


def files() -> dict[str, str]:
    return {name: _formatted(text) for name, text in answers().items()} | {
        "synchronous.py": synchronous("asynchronous.py"),
        "connected.py": synchronous("connected_async.py"),
    }


if __name__ == "__main__":
    for name, text in files().items():
        (CLIENT / name).write_text(text)
