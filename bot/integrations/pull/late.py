"""Rows that come late: what lies a while behind is read again, and what is not known of it is taken."""

import asyncio
from datetime import timedelta

import pyarrow as pa

from bot.domain.event import RowsKind
from bot.domain.watched.pull import PullSection
from bot.integrations.pull.moments import back, later_of, microseconds
from bot.integrations.pull.pages import Page, Pages
from bot.integrations.pull.seen import Ids
from bot.model_store import pulls
from bot.model_store.frames import Frames
from bot.model_store.pulls import Pending, Progress, Seen, Value


class Late:
    """The ids of rows within ``late`` of the greatest value of the cursor; of more than are kept the latest."""

    def __init__(self, section: PullSection, pages: Pages, frames: Frames, most: int) -> None:
        self._section, self._pages, self._frames, self._most = section, pages, frames, most
        self._holds = RowsKind(section.holds)

    async def pending(self, known: Progress, page: Page, rows: pa.Table) -> Pending:
        """What of a page is to be taken, written down with all its rows."""
        seen = await self._ids(known)
        first = pulls.read(known.after) or self._section.since or back(page.until, self._section.late)
        floor = pulls.read(known.seen.floor) if known.seen else first
        assert floor is not None
        return await self._written(rows, seen, page.until, floor)

    async def reread(self, known: Progress, address: str) -> tuple[Pending | None, bool]:
        """What came late, and whether there may be more; None where nothing did. Raises ToolFailure."""
        assert known.seen is not None
        until, floor = pulls.read(known.after), pulls.read(known.seen.floor)
        assert until is not None
        assert floor is not None
        seen = await self._ids(known)
        after, fresh = later_of(back(until, self._section.late), floor), list[pa.Table]()
        more = True
        while more and sum(rows.num_rows for rows in fresh) < self._most:
            page = await asyncio.to_thread(self._pages.between, address, after, until)
            if page is None:
                break
            rows = self._pages.fitting(page.rows, None)[0]
            ids = Ids.of(rows, self._section.cursor, self._holds)
            unknown = ids.unknown(seen)
            seen = seen.and_(ids.where(unknown))
            fresh += [rows.filter(pa.array(unknown))] if unknown.any() else []
            after, more = page.until, page.more
        if not fresh:
            return None, False
        together = pa.concat_tables(fresh, promote_options="permissive")
        return await self._written(together, await self._ids(known), until, floor), more

    async def _written(self, rows: pa.Table, seen: Ids, until: Value, floor: Value) -> Pending:
        ids = Ids.of(rows, self._section.cursor, self._holds)
        unknown = ids.unknown(seen)
        floor = later_of(back(until, self._section.late), floor)
        all_ids = seen.and_(ids.where(unknown)).since(microseconds(floor))
        raised = all_ids.floor_for(microseconds(floor))
        if raised > microseconds(floor):
            floor, all_ids = back(floor, timedelta(microseconds=microseconds(floor) - raised)), all_ids.since(raised)
        kept = await self._frames.put(all_ids.table())
        given = await asyncio.to_thread(self._pages.laid_out, rows.filter(pa.array(unknown)))
        digest = await self._frames.put(given.table)
        return Pending(digest=digest, after=pulls.written(until), seen=Seen(digest=kept, floor=pulls.written(floor)))

    async def _ids(self, known: Progress) -> Ids:
        return Ids.read(await self._frames.get(known.seen.digest)) if known.seen else Ids.none()
