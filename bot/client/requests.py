"""Requests of the API as values, which both clients send."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

Query = str | int | bool | datetime | None


@dataclass(frozen=True)
class Request:
    """``repeatable``: sending it again after an answer that never came does nothing twice."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True


def read(path: str, **query: Query) -> Request:
    return Request("GET", path, _written(query))


def change(method: str, path: str, body: Mapping[str, Any], seen: int | None = None) -> Request:
    """With a key of its own, so that it is carried out once however often it is sent. ``None`` is left out."""
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
    if seen is not None:
        headers["If-Match"] = f'"{seen}"'
    given = {key: value for key, value in body.items() if value is not None}
    return Request(method, path, content=msgspec.json.encode(given), headers=headers)


def rows(method: str, path: str, parquet: bytes, **query: Query) -> Request:
    """Rows as Parquet, with a key of its own where they are posted: they are kept once however often they are sent."""
    headers = {"Content-Type": "application/vnd.apache.parquet"}
    if method == "POST":
        headers["Idempotency-Key"] = str(uuid.uuid4())
    return Request(method, path, _written(query), parquet, headers)


def address(*parts: str | int) -> str:
    """A path of these parts, each of which may hold any character.

    >>> address("api", "models", "a/b")
    'api/models/a%2Fb'
    """
    return "/".join(quote(str(part), safe="") for part in parts)


def _written(query: Mapping[str, Query]) -> dict[str, str]:
    return {name.rstrip("_"): _text(value) for name, value in query.items() if value is not None}


def _text(value: Query) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)
