"""Breaking the glass: somebody who may do so overrides the freeze windows that hold up a run, and says why.

It approves nothing: another person has to. It is a row of the audit log of its own, and reaches the channel.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.access.person import Person
from bot.domain.guards.hold import Glass, Guard, Hold
from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.domain.run import Run
from bot.errors import Refused
from bot.incidents.permissions import Who, actor_of
from bot.remediation.approval import Terms, holds_now, locked, refusal_of_state
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import audit, incidents, runs
from bot.storage.queries.audit import AuditEntry

MAX_REASON = 500

log = structlog.get_logger(__name__)


@begun_anew
async def break_glass(
    database: Database, terms: Terms, offer: tuple[str, str], who: Who, reason: str, now: datetime
) -> Run:
    """Override the freeze windows that hold up a run, ``offer`` being its id and the hash of its plan.

    Raises Refused, audited too.
    """
    (run_id, plan_hash), person = offer, actor_of(who).person
    async with database.write() as connection:
        incident, run = await locked(connection, run_id)
        why, holds = refusal_of_state(run, incident, plan_hash, now), list[Hold]()
        if not why and run and incident:
            holds = await holds_now(connection, terms, run, incident, now)
            why = _refusal_of(person, [hold for hold in holds if hold.guard is Guard.FREEZE], reason)
        if why or run is None or incident is None:
            refused = AuditEntry(
                now, person.id, "run.refused", f"run {run_id}", {"reason": why, "verdict": "break glass"}
            )
            await audit.append(connection, refused)
        else:
            run = await _broken(connection, run, incident, holds, Glass(person.id, _cut(reason), now, []))
    if why or run is None:
        raise Refused(why)
    log.warning("guard.glass_broken", run=run.id, by=person.id, windows=run.broken)
    return run


def _refusal_of(person: Person, frozen: Sequence[Hold], reason: str) -> str:
    """Why this person may not override these freeze windows; empty where they may."""
    if not frozen:
        return "No freeze window holds it up: there is no glass to break."
    for hold in frozen:
        if not person.is_one_of(hold.break_glass):
            unknown = person.why_unknown(hold.break_glass)
            hint = f" {unknown[0].upper()}{unknown[1:]}." if unknown else ""
            return f"You may not override {hold.in_words()}.{hint}"
    return "" if reason.strip() else "Say why it must be run now."


def _cut(reason: str) -> str:
    return " ".join(reason.split())[:MAX_REASON]


async def _broken(
    connection: AsyncConnection, run: Run, incident: Incident, holds: Sequence[Hold], glass: Glass
) -> Run:
    """The run after its freeze windows were overridden; those of before stay so."""
    windows = [hold.name for hold in holds if hold.guard is Guard.FREEZE]
    glass = msgspec.structs.replace(glass, windows=sorted({*run.broken, *windows}))
    left = [hold for hold in holds if hold.guard is not Guard.FREEZE]
    run = runs.sealed(connection, msgspec.structs.replace(run, glass=glass, holds=left))
    await runs.save(connection, [run])
    named = " and ".join(f"“{window}”" for window in windows)
    what = f"GLASS BROKEN for “{run.plan.title}”, in spite of the freeze window {named}"
    text = f"{what}: {glass.reason}. Somebody else must approve it"
    entry = TimelineEntry(
        incident_id=incident.id, at=glass.at, kind=TimelineKind.RUN, text=text, actor=glass.user, worse=True
    )
    await incidents.add_to_timeline(connection, [entry])
    await incidents.touch(connection, incident.id, glass.at)
    details = {
        "reason": glass.reason,
        "windows": [hold.in_words() for hold in holds if hold.guard is Guard.FREEZE],
        "runbook": run.runbook,
        "plan_hash": run.plan_hash,
        "incident": incident.number,
        "alarm": True,
    }
    await audit.append(connection, AuditEntry(glass.at, glass.user, "run.glass_broken", f"run {run.id}", details))
    return run
