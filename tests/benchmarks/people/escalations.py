"""How late steps of escalations are taken: a part of ``python -m tests.benchmarks.people``."""

import asyncio
import bisect
import random
import statistics
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec

from bot.domain.incident import Incident
from bot.domain.oncall.escalation import Escalating, Escalation, State
from bot.domain.oncall.schedule import Schedule
from bot.routing.escalations.loop import EscalationLoop
from bot.routing.escalations.steady_clock import SteadyClock
from bot.routing.schedules.roster import Roster
from bot.services import utc_now
from bot.storage.database import Database, open_database
from bot.storage.queries import incidents
from bot.storage.queries.oncall import calls, escalations

OPEN = 10_000
SCHEDULES = 200
SECONDS = 60.0
"""The next step of each is due within so many seconds."""
_BEGINS_IN = 5.0
_AT_ONCE = 1_000


def lateness() -> Mapping[str, float]:
    """With 10,000 open escalations, on SQLite: from when a step is due until its calls are committed."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measured(Path(folder)))


async def _measured(folder: Path) -> Mapping[str, float]:
    database = open_database(f"sqlite:///{folder / 'tandem.db'}")
    await database.migrate()
    schedules = {f"team-{n}": Schedule(rotation=["U012AB3CD", "U0BYSTAND"]) for n in range(SCHEDULES)}
    steps = [{"after": "1h", "mention": [{"schedule": "team-1"}]}, {"after": "2h", "mention": ["S0GROUP001"]}]
    rules = {f"team-{n}": Escalation.model_validate({"steps": steps}) for n in range(SCHEDULES)}
    due = await _opened(database)
    clock, committed = SteadyClock(utc_now), list[float]()
    roster = Roster(database, schedules, {}, clock)
    loop = EscalationLoop(database, rules, roster, clock, lambda: committed.append(clock().timestamp()))
    running = asyncio.create_task(loop.run())
    await asyncio.sleep(_BEGINS_IN + SECONDS + 5)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    late = await _late(database, due, committed)
    await database.close()
    quantiles = statistics.quantiles(late, n=100)
    return {
        "open": OPEN,
        "taken": len(late),
        "late_seconds_p50": round(quantiles[49], 3),
        "late_seconds_p99": round(quantiles[98], 3),
        "late_seconds_most": round(max(late), 3),
    }


async def _opened(database: Database) -> dict[str, float]:
    """Open incidents, each with an escalation whose next step is due at a random moment; these moments."""
    random_, now = random.Random(16), utc_now()
    due: dict[str, float] = {}
    for begin in range(0, OPEN, _AT_ONCE):
        made = [_incident(number) for number in range(begin, begin + _AT_ONCE)]
        rows = []
        for incident in made:
            at = now + timedelta(seconds=_BEGINS_IN + random_.uniform(0, SECONDS))
            due[incident.id] = at.timestamp()
            rows.append(
                Escalating(
                    incident_id=incident.id,
                    name=incident.escalation or "",
                    state=State.CALLING,
                    cycle=1,
                    due_at=at,
                    wait_seconds=3600.0,
                    version=1,
                )
            )
        async with database.write() as connection:
            await incidents.save(connection, made, {})
            await escalations.save(connection, rows)
    return due


def _incident(number: int) -> Incident:
    now = utc_now()
    return msgspec.convert(
        {
            "id": f"incident-{number}",
            "number": number,
            "domain": "",
            "partition": number % 16,
            "status": "triggered",
            "severity": "critical",
            "title": f"service-{number} is down",
            "services": [f"service-{number}"],
            "opened_at": now,
            "active_at": now,
            "changed_at": now,
            "escalation": f"team-{number % SCHEDULES}",
        },
        Incident,
    )


async def _late(database: Database, due: Mapping[str, float], committed: list[float]) -> list[float]:
    """Seconds, of each step that was taken: the calls of a look were committed when it ended."""
    late = []
    async with database.read() as connection:
        for incident_id, at in due.items():
            for page in (await calls.of_incident(connection, incident_id))[:1]:
                ended = committed[bisect.bisect_left(committed, page.made_at.timestamp())]
                late.append(ended - at)
    return late
