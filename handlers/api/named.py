"""What a filter names must be there: an empty answer to a name that is misspelt would read as all being well."""

from collections.abc import Collection
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.config.nearest import nearest
from bot.domain.access.team import Teams
from bot.errors import NotFound
from bot.storage.queries.listed.incidents import IncidentFilter, matching
from bot.storage.queries.listed.runs import RunFilter, listed
from bot.storage.queries.records.service import is_known
from handlers.api.operation import Call

_MOST_SHOWN = 60


def require_team(teams: Teams, name: str | None) -> None:
    """Raises NotFound."""
    if name is not None and name not in teams:
        raise _unknown("team", name, {*teams.by_name, *teams.owners.values()})


async def require_service(connection: AsyncConnection, call: Call[Any, Any], name: str | None) -> None:
    """One that tandem.yaml describes, a team answers for, or anything came about that the token may see.

    Raises NotFound.
    """
    if name is None:
        return
    rules, domains = call.backend.rules, call.caller.domains
    described = {*rules.depends_on, *(one for others in rules.depends_on.values() for one in others), *rules.models}
    if name in described or call.backend.policy.teams.of_service(name):
        return
    if await is_known(connection, name, domains):
        return
    if not await matching(connection, IncidentFilter(service=name, domains=domains), None, 1):
        raise _unknown("service", name, described, "nothing is known of")


async def require_runbook(connection: AsyncConnection, call: Call[Any, Any], name: str | None) -> None:
    """One of tandem.yaml, or one that was there and has runs. Raises NotFound."""
    books = call.backend.rules.runbooks
    if name is None or name in books:
        return
    if not await listed(connection, RunFilter(runbook=name, domains=call.caller.domains), None, 1):
        raise _unknown("runbook", name, books)


def require_model(call: Call[Any, Any], name: str) -> None:
    """Raises NotFound."""
    if name not in call.backend.rules.models:
        raise _unknown("model", name, call.backend.rules.models)


def _unknown(what: str, name: str, known: Collection[str], says: str = "tandem.yaml has no") -> NotFound:
    return NotFound(f"{what}: {says} {name[:_MOST_SHOWN]!r}{nearest(name, known)}")
