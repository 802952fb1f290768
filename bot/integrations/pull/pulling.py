"""One pull of a model: pages of rows from a database into the inbox, each exactly once."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from bot.domain.event import RowsKind
from bot.domain.watched.pull import PullSection
from bot.errors import StorageUnavailable
from bot.integrations.http import ToolFailure
from bot.integrations.pull.kept import KeptPull, repeated
from bot.integrations.pull.late import Late
from bot.integrations.pull.pages import MOST_ROWS, Page, Pages
from bot.integrations.pull.schema import kinds_of
from bot.integrations.pull.troubles import ADOPTED_AFTER, COLUMNS, Troubles
from bot.integrations.pull.versions import DataVersions
from bot.integrations.rows import RowsIntake
from bot.model_store import pulls, unused_files
from bot.model_store.frames import file_of
from bot.model_store.layout import LaidOut
from bot.model_store.pulls import Progress
from bot.observability.metrics import PULLED_ROWS
from bot.storage.database import Database

_LOOK_EVERY = 86_400.0
"""Seconds between two counts of the rows that have no cursor."""
_TAKEN_BY = timedelta(days=7)
"""By then rows that were written down are among those that came in, or never will be."""

log = structlog.get_logger(__name__)


class Pull(KeptPull):
    """``address`` gives the address of the database each time, None where it is not set."""

    def __init__(
        self,
        model: str,
        section: PullSection,
        address: Callable[[], str | None],
        database: Database,
        intake: RowsIntake,
        clock: Callable[[], datetime],
        most: int = MOST_ROWS,
        secret: Callable[[str], str | None] = lambda _name: None,
    ) -> None:
        self.model, self.section = model, section
        self._address, self._database, self._intake, self._clock = address, database, intake, clock
        self.key = _key(model, section)
        self._pages = Pages(section, clock, most)
        self._late = Late(section, self._pages, intake.frames, most)
        self._troubles = Troubles(model, self.key, section.holds, section.labels)
        self._versions = DataVersions(section.data, section.labels, secret)
        self._looked_at: datetime | None = None
        self._without_cursor = ""
        self._left_out: list[str] = []

    async def run(self) -> None:
        """Pull until cancelled."""
        await repeated(
            self.pull_page, self.section.every.total_seconds(), await self._wait_at_first(), self.note_failure
        )

    async def _wait_at_first(self) -> float:
        """Seconds, so that who restarts the program does not ask the database more often."""
        try:
            known = await self._progress()
        except StorageUnavailable:
            return 0.0
        if known is None or known.failure:
            return 0.0
        past = (self._clock() - known.at).total_seconds()
        return min(max(self.section.every.total_seconds() - past, 0.0), self.section.every.total_seconds())

    async def pull_page(self) -> bool:
        """Take in the next page, and say whether there is another one. Raises ToolFailure, StorageUnavailable, Unfit.

        The bound is written down before the rows are taken in: after a crash in between, just these rows are read
        again, and their content says whether they are there already. Where late rows are read, the rows themselves
        are written down, as there may be more of them by then.
        """
        known = await self._begun()
        if known.pending is not None:
            await self._take_pending(known)
            return True
        address = self._reached()
        self._pages.tables = await self._versions.read()
        page = await self._next(known, address)
        if page is None:
            await self._count_without_cursor(address)
            known = await self._judge_aside(await self._worked(known))
            return await self._reread(known, address)
        rows, problems, usual = self._pages.fitting(page.rows, known.columns)
        if self.section.late:
            known = await self._save(known, pending=await self._late.pending(known, page, rows))
            known = await self._take_pending(known)
        else:
            if known.until is None:
                known = await self._save(known, until=pulls.written(page.until))
            await self._take(await asyncio.to_thread(self._pages.laid_out, rows))
            known = await self._save(known, after=pulls.written(page.until), until=None, at=self._clock(), failure="")
        if self._looked_at is None:
            await self._count_without_cursor(address)
        known = await self._with_versions(known)
        self._left_out = list(self._pages.aside)
        known = await self._judge(known, [*problems, *self._left_out], usual, kinds_of(page.rows))
        return page.more or await self._reread(known, address)

    async def _with_versions(self, known: Progress) -> Progress:
        """Report the versions of the data that are new, and keep them."""
        now = self._clock()
        await self._intake.tell(self._versions.news(known.data, now))
        kept = self._versions.kept(known.data, now)
        return known if kept == known.data else await self._save(known, data=kept)

    async def _worked(self, known: Progress) -> Progress:
        """The database answered."""
        known = await self._with_versions(known)
        firing, alerts = self._troubles.with_success(known.firing, self._clock())
        await self._intake.tell(alerts)
        return await self._save(known, failure="", at=self._clock(), firing=firing or None)

    async def _reread(self, known: Progress, address: str) -> bool:
        """Take in the rows that came late; says whether there may be more of them."""
        if not self.section.late or known.seen is None:
            return False
        pending, more = await self._late.reread(known, address)
        if pending is None:
            return False
        await self._take_pending(await self._save(known, pending=pending))
        return more

    async def _take_pending(self, known: Progress) -> Progress:
        assert known.pending is not None
        pending = known.pending
        await self._take(LaidOut(await self._intake.frames.get(pending.digest), {}))
        done = msgspec.structs.replace(
            known, after=pending.after, seen=pending.seen, pending=None, at=self._clock(), failure=""
        )
        async with self._database.write() as connection:
            await pulls.save(connection, done)
            if known.seen is not None and pending.seen is not None and known.seen.digest != pending.seen.digest:
                await unused_files.note(connection, [file_of(known.seen.digest)], self._clock())
            await unused_files.note(connection, [file_of(pending.digest)], self._clock() + _TAKEN_BY)
        return done

    async def _take(self, given: LaidOut) -> None:
        await self._intake.take(self.model, RowsKind(self.section.holds), given, self.section.labels, self.key)
        PULLED_ROWS.labels(self.model).inc(given.table.num_rows)

    async def _next(self, known: Progress, address: str) -> Page | None:
        after, until = pulls.read(known.after), pulls.read(known.until)
        if after is None and self.section.since is not None:
            after = self.section.since
        return await asyncio.to_thread(self._pages.next, address, after, until)

    def _reached(self) -> str:
        address = self._address()
        if address is None:
            raise ToolFailure(f"TANDEM_SECRET_{self.section.from_} is not set")
        return address

    async def _count_without_cursor(self, address: str) -> None:
        """Once a day: such rows are never read, and that is said."""
        now = self._clock()
        if self._looked_at is not None and (now - self._looked_at).total_seconds() < _LOOK_EVERY:
            return
        count = await asyncio.to_thread(self._pages.without_cursor, address)
        self._looked_at = now
        names = f"{count:,} row{'s have' if count != 1 else ' has'}"
        self._without_cursor = f"{names} no {self.section.cursor} and cannot be read" if count else ""

    async def _judge_aside(self, known: Progress) -> Progress:
        """Nothing else came: rows that cannot be taken are still said, and said no longer once they are gone."""
        if self._pages.aside == self._left_out == []:
            return known
        self._left_out = list(self._pages.aside)
        usual = known.columns or {}
        return await self._judge(known, self._left_out, usual, usual)

    async def _judge(
        self, known: Progress, problems: Sequence[str], usual: Mapping[str, str], now: Mapping[str, str]
    ) -> Progress:
        """Tell people of columns and rows that are not as usual; what stays so for a day is usual."""
        before = (known.firing or {}).get(COLUMNS)
        if before is not None and self._clock() - before.since >= ADOPTED_AFTER:
            problems, usual = [], now
        told = [
            *problems,
            *self._versions.problems,
            *([self._without_cursor] if self._without_cursor and not problems else []),
        ]
        firing, alerts = self._troubles.with_problems(known.firing, told, self._clock())
        await self._intake.tell(alerts)
        if alerts or usual != known.columns:
            return await self._save(known, firing=firing or None, columns=dict(usual))
        return known


def _key(model: str, section: PullSection) -> str:
    """Another query, or another cursor, is another pull, and begins anew."""
    about = f"{section.sql}\n{section.from_}\n{section.cursor}\n{section.holds}"
    return f"{model} {hashlib.sha256(about.encode()).hexdigest()[:16]}"


def address_in(environ: Mapping[str, str], name: str) -> str | None:
    """The address that a name stands for: a secret like others, or a variable as other programs have it."""
    return environ.get(f"TANDEM_SECRET_{name}") or environ.get(name) or None
