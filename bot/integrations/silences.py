"""Silences made here are made in a tool, those made there are taken in here, and an end on either side is one on both.

Of each silence that both have, the end on which both last agreed is remembered: the side whose end is another one has
changed it, and the other side is told. So nothing goes back to where it came from. Our silences name themselves in
their comment, so that one whose answer was lost is found again and not made twice.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

import aiohttp
import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.matcher import Matcher
from bot.domain.silence import Silence
from bot.integrations.http import ToolRefused
from bot.storage.database import Database
from bot.storage.queries import audit, silences, tools
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.deeds import silence_notices
from bot.storage.queries.tools import SilenceLink

OURS = "Tandem"
_NAMED = re.compile(r"\(Tandem silence ([\w-]+)\)")
_SAME = timedelta(seconds=1)
"""Tools round moments; ends that are closer than this are one."""
_MOST_TAKEN_IN = 1000

log = structlog.get_logger(__name__)


class TheirSilence(msgspec.Struct, frozen=True, kw_only=True):
    """A silence as a tool has it; ``matchers`` is None where they cannot be used here."""

    id: str
    matchers: list[Matcher] | None
    starts_at: datetime
    ends_at: datetime
    expired: bool
    created_by: str
    comment: str

    def over(self, now: datetime) -> bool:
        return self.expired or self.ends_at <= now


class SilenceTool(Protocol):
    """What a tool with silences can be told. All raise ToolFailure, ToolRefused."""

    name: str
    title: str

    async def silences(self, session: aiohttp.ClientSession) -> list[TheirSilence]: ...

    async def add(
        self, session: aiohttp.ClientSession, silence: Silence, created_by: str, comment: str, replaces: str
    ) -> str: ...

    async def end(self, session: aiohttp.ClientSession, there: str) -> None: ...


class Step(Enum):
    """What brings a silence that both have to the same end."""

    KEEP = "keep"
    END_THERE = "end there"
    CHANGE_THERE = "give it our end there"
    MAKE_AGAIN = "make again"
    TAKE_END = "take the tool's end"
    END_HERE = "end here"
    FORGET = "forget"


def step_for(link: SilenceLink, ours: Silence | None, theirs: TheirSilence | None, now: datetime) -> Step:
    """Who has changed the silence since both agreed, and what follows."""
    over_here = ours is None or ours.ends_at <= now
    over_there = theirs is None or theirs.over(now)
    if over_here and over_there:
        return Step.FORGET
    if link.refused:
        return Step.KEEP
    if ours is None or _differ(ours.ends_at, link.ends_at):
        if over_here:
            return Step.END_THERE
        return Step.MAKE_AGAIN if over_there else Step.CHANGE_THERE  # another tool has lengthened it
    if theirs is None:
        return Step.END_HERE if ours.origin else Step.MAKE_AGAIN
    return Step.TAKE_END if _differ(theirs.ends_at, link.ends_at) else Step.KEEP


def _differ(one: datetime, other: datetime) -> bool:
    return abs(one - other) >= _SAME


class SilenceSync:
    """Keeps the silences here and those of one tool the same."""

    def __init__(self, database: Database, tool: SilenceTool, session: aiohttp.ClientSession) -> None:
        self._database, self._tool, self._session = database, tool, session
        self._unusable: set[str] = set()
        self.name, self.title = tool.name, tool.title

    async def anything_to_send(self, now: datetime) -> bool:
        """Whether the tool has to be told something. Raises StorageUnavailable."""
        async with self._database.read() as connection:
            return await tools.silences_untold(connection, self.name, now)

    async def reconcile(self, now: datetime) -> None:
        """Compare once and settle what differs. Raises ToolFailure, ToolRefused, StorageUnavailable."""
        theirs = {silence.id: silence for silence in await self._tool.silences(self._session)}
        async with self._database.read() as connection:
            links = await tools.silence_links(connection, self.name)
            known = await silences.by_ids(connection, [link.silence_id for link in links])
            untold = await tools.silences_to_send(connection, self.name, now)
        linked = {link.there for link in links}
        unknown = [one for one in theirs.values() if one.id not in linked and not one.over(now)]
        named = {_named_in(one): one for one in unknown}
        ours_there = {named[silence.id].id for silence in untold if silence.id in named}
        # New ones first: a silence that is edited there is another one, and nothing may slip out between the two.
        await self._take_in([one for one in unknown if one.id not in ours_there], now)
        for link in links:
            await self._settle(link, known.get(link.silence_id), theirs.get(link.there), now)
        for silence in untold:
            await self._add(silence, named)

    async def _settle(
        self, link: SilenceLink, ours: Silence | None, theirs: TheirSilence | None, now: datetime
    ) -> None:
        match step_for(link, ours, theirs, now):
            case Step.END_THERE:
                ends_at = ours.ends_at if ours else now
                try:
                    await self._tool.end(self._session, link.there)
                except ToolRefused as refused:
                    await self._note_refusal(link, refused)
                else:
                    await self._save(msgspec.structs.replace(link, ends_at=ends_at))
                    log.info("tools.silence_ended_there", tool=self.name, silence=link.silence_id)
            case Step.MAKE_AGAIN if ours:
                await self._add(ours, {})
            case Step.CHANGE_THERE if ours:
                await self._add(ours, {}, replaces=link.there)
            case Step.TAKE_END if ours and theirs:
                await self._end_here(link, ours, min(theirs.ends_at, now) if theirs.expired else theirs.ends_at, now)
            case Step.END_HERE if ours:
                await self._end_here(link, ours, now, now)
            case Step.FORGET:
                async with self._database.write() as connection:
                    await tools.forget_silence(connection, link)

    async def _add(self, silence: Silence, named: Mapping[str, TheirSilence], replaces: str = "") -> None:
        """Make one of ours there, unless it is there already."""
        link = SilenceLink(tool=self.name, silence_id=silence.id, there="", ends_at=silence.ends_at)
        found = named.get(silence.id)
        if found:
            await self._save(msgspec.structs.replace(link, there=found.id))
            return
        comment = f"{silence.comment or 'silenced in Slack'} (Tandem silence {silence.id})"
        try:
            author = f"{OURS}: {silence.created_by}"
            there = await self._tool.add(self._session, silence, author, comment, replaces)
        except ToolRefused as refused:
            await self._note_refusal(link, refused)
            return
        await self._save(msgspec.structs.replace(link, there=there))
        log.info("tools.silence_made_there", tool=self.name, silence=silence.id)

    async def _take_in(self, found: list[TheirSilence], now: datetime) -> None:
        """Let silences that were made there be honoured here."""
        for one in sorted(found, key=lambda one: one.starts_at)[:_MOST_TAKEN_IN]:
            if one.matchers is None:
                if one.id not in self._unusable:
                    self._unusable.add(one.id)
                    log.warning("tools.silence_unusable", tool=self.name, there=one.id)
                continue
            silence = Silence(
                id=f"{self.name}-{one.id}",
                matchers=one.matchers,
                starts_at=one.starts_at,
                ends_at=one.ends_at,
                created_by=f"{self.title}: {one.created_by}",
                comment=one.comment,
                origin=self.name,
            )
            async with self._database.write() as connection:
                await silences.add_missing(connection, [silence])
                await silence_notices.add(connection, silence.id, silence.created_by, now)
                await tools.save_silence(connection, _link_of(silence, one))
                await self._audit(connection, silence, "silence.add", one.ends_at, now)

    async def _end_here(self, link: SilenceLink, ours: Silence, ends_at: datetime, now: datetime) -> None:
        """Take over the end that the tool says, unless a person has changed ours meanwhile."""
        async with self._database.write() as connection:
            if await silences.move_end(connection, ours, ends_at):
                await tools.save_silence(connection, msgspec.structs.replace(link, ends_at=ends_at))
                action = "silence.end" if ends_at <= now else "silence.change"
                if ends_at <= now < ours.ends_at:
                    await silence_notices.add(connection, ours.id, self.title, now, ended=True)
                await self._audit(connection, ours, action, ends_at, now)

    async def _audit(
        self, connection: AsyncConnection, silence: Silence, action: str, ends_at: datetime, now: datetime
    ) -> None:
        details = {"matchers": [str(matcher) for matcher in silence.matchers], "ends_at": ends_at.isoformat()}
        await audit.append(connection, AuditEntry(now, self.title, action, f"silence {silence.id}", details))

    async def _note_refusal(self, link: SilenceLink, refused: ToolRefused) -> None:
        log.error("tools.silence_refused", tool=self.name, silence=link.silence_id, reason=str(refused))
        await self._save(msgspec.structs.replace(link, refused=str(refused)))

    async def _save(self, link: SilenceLink) -> None:
        async with self._database.write() as connection:
            await tools.save_silence(connection, link)


def _named_in(silence: TheirSilence) -> str:
    """Which of ours it says it is."""
    found = _NAMED.search(silence.comment) if silence.created_by.startswith(OURS) else None
    return found[1] if found else ""


def _link_of(silence: Silence, theirs: TheirSilence) -> SilenceLink:
    return SilenceLink(tool=silence.origin, silence_id=silence.id, there=theirs.id, ends_at=theirs.ends_at)
