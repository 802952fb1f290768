"""Incidents that fit what somebody looks for, a page at a time."""

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Select, Text, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, IncidentStatus
from bot.domain.severity import Severity
from bot.storage.database import table_of
from bot.storage.tables.core import IncidentRow

_INCIDENT = table_of(IncidentRow)
_SERVICES = cast(_INCIDENT.c.services, Text)
"""As it is stored: a list in JSON, in which a name stands between quotes."""
_NUMBER = re.compile(r"#?([0-9]{1,12})")


class IncidentFilter(NamedTuple):
    """All that is given must hold. ``status`` may be ``open``; ``domains`` is None where any will do."""

    status: str | None = None
    severity: str | None = None
    service: str | None = None
    since: datetime | None = None
    text: str | None = None
    domains: Collection[str] | None = None


async def matching(
    connection: AsyncConnection, wanted: IncidentFilter, below: int | None, limit: int
) -> list[Incident]:
    """The newest first; ``below`` is the number after which the page begins."""
    query = select(_INCIDENT).order_by(_INCIDENT.c.number.desc()).limit(limit)
    if below is not None:
        query = query.where(_INCIDENT.c.number < below)
    rows = (await connection.execute(_narrowed(query, wanted))).mappings()
    return [msgspec.convert(dict(row), Incident) for row in rows]


class OpenServices(NamedTuple):
    """What an open incident says of services."""

    number: int
    severity: Severity
    services: list[str]


async def open_services(connection: AsyncConnection, domains: Collection[str] | None, limit: int) -> list[OpenServices]:
    """Of the newest open incidents, these columns alone."""
    columns = (_INCIDENT.c.number, _INCIDENT.c.severity, _INCIDENT.c.services)
    query = _narrowed(select(*columns), IncidentFilter("open", domains=domains))
    rows = await connection.execute(query.order_by(_INCIDENT.c.number.desc()).limit(limit))
    return [OpenServices(number, Severity(severity), services) for number, severity, services in rows]


def _narrowed(query: Select[Any], wanted: IncidentFilter) -> Select[Any]:
    if wanted.status == "open":
        query = query.where(_INCIDENT.c.status != IncidentStatus.RESOLVED.value)
    elif wanted.status:
        query = query.where(_INCIDENT.c.status == wanted.status)
    if wanted.severity:
        query = query.where(_INCIDENT.c.severity == wanted.severity)
    if wanted.since is not None:
        query = query.where(_INCIDENT.c.opened_at >= wanted.since)
    if wanted.domains is not None:
        query = query.where(_INCIDENT.c.domain.in_(sorted(wanted.domains)))
    if wanted.service is not None:
        named = msgspec.json.encode(wanted.service).decode()
        query = query.where(_SERVICES.contains(named, autoescape=True))
    return query.where(_says(wanted.text)) if wanted.text else query


def _says(text: str) -> ColumnElement[bool]:
    lower = text.lower()
    fields = (_INCIDENT.c.title, _INCIDENT.c.summary, _SERVICES)
    found = [func.lower(field).contains(lower, autoescape=True) for field in fields]
    number = _NUMBER.fullmatch(text.strip())
    return or_(*found, *([_INCIDENT.c.number == int(number[1])] if number else []))
