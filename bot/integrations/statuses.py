"""Acknowledgements and resolutions are sent to the tools whose alerts an incident holds.

The other way is the tools' webhooks: a resolution is one of the alert, and an acknowledgement comes with the event
(``AlertEvent.acknowledged_by``, :mod:`bot.pipeline.stages.acknowledge`). Who did it there carries the tool's title in
the name; by it the teller knows what it need not say.
"""

from datetime import datetime, timedelta
from typing import Protocol

import aiohttp
import structlog

from bot.domain.incident import TimelineEntry, TimelineKind
from bot.integrations.http import ToolRefused
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import incidents, tools
from bot.storage.queries.tools import Due, State

SEND_WITHIN = timedelta(days=1)
"""What is older is history: a tool that is configured for the first time is not told of it."""
_REMEMBER = timedelta(days=90)

log = structlog.get_logger(__name__)


class StatusTool(Protocol):
    """What a tool can be told of its alerts. ``name`` is that of the source, ``title`` what people call it."""

    name: str
    title: str

    async def send_status(self, session: aiohttp.ClientSession, target: str, state: State, note: str) -> None:
        """Bring the alert ``target`` there to the state; told twice is told once. Raises ToolFailure, ToolRefused."""


class StatusSync:
    """Tells one tool."""

    def __init__(self, database: Database, tool: StatusTool, session: aiohttp.ClientSession) -> None:
        self._database, self._tool, self._session = database, tool, session
        self.name, self.title = tool.name, tool.title

    async def send_one(self, now: datetime) -> bool:
        """Tell of one alert; False where the tool knows everything. Raises ToolFailure, StorageUnavailable."""
        async with self._database.read() as connection:
            due = await tools.next_due(connection, self.name, self.title, now - SEND_WITHIN)
        if due is None:
            return False
        refused = ""
        note = f"Incident #{due.number} was {due.state} in Tandem"
        try:
            await self._tool.send_status(self._session, due.target, due.state, note)
        except ToolRefused as error:
            refused = str(error)
        await self._note(due, refused, now)
        return True

    @begun_anew
    async def _note(self, due: Due, refused: str, now: datetime) -> None:
        async with self._database.write() as connection:
            announced = not refused or await tools.refused_before(connection, self.name, due)
            await tools.mark_sent(connection, self.name, due, now, refused)
            await tools.forget_sent(connection, now - _REMEMBER)
            if not announced:
                text = f"{self.title} did not take that this is {due.state}: {refused}"
                entry = TimelineEntry(incident_id=due.incident_id, at=now, kind=TimelineKind.NOTE, text=text)
                await incidents.add_to_timeline(connection, [entry])
        if refused:
            log.error("tools.status_refused", tool=self.name, incident=due.number, state=due.state, reason=refused)
        else:
            log.info("tools.status_told", tool=self.name, incident=due.number, state=due.state)
