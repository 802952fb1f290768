"""People's choice for a model: the version that it is compared with."""

from datetime import datetime

from bot.incidents import permissions
from bot.incidents.permissions import Action, Who, actor_of
from bot.model_store import references
from bot.storage.database import Database
from bot.storage.queries import audit
from bot.storage.queries.audit import AuditEntry

NEWEST = "newest"


async def choose_reference(database: Database, model: str, version: str, who: Who, now: datetime) -> list[str] | None:
    """Compare a model with this version from its next check on, or with the newest one again; audited.

    Returns the versions that there are where this one is not among them, else None. Raises Refused.
    """
    permissions.require(who, Action.CHOOSE_REFERENCE)
    async with database.write() as connection:
        known = [one.version for one in await references.versions(connection, model)]
        if version == NEWEST and version not in known:
            await references.unpin(connection, model)
        elif not await references.pin(connection, model, version):
            return known
        entry = AuditEntry(now, actor_of(who).id, "model.reference", f"model {model}", {"version": version})
        await audit.append(connection, entry)
    return None
