"""Dry run: what the steps of an offer would change, shown beside the buttons before anybody approves it.

Each step is previewed by its executor, as things are now, when the run is offered and again every so often while it
waits. An approval names the preview that it was made on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy.exc import DBAPIError

from bot.domain.incident import TimelineEntry, TimelineKind
from bot.domain.run import GATE, Plan, Run, RunStatus
from bot.domain.runs.preview import Preview, StepPreview
from bot.errors import StorageUnavailable
from bot.remediation.approval import locked
from bot.remediation.executors import Foreseen
from bot.remediation.offers.looking import Looking
from bot.storage.database import Database
from bot.storage.queries import incidents, runs

TIMEOUT, ALL_WITHIN = 45.0, 120.0
"""So many seconds a step, and all of them, may take."""
MOST_OUTPUT = 2000

Foresee = Callable[[Run, int], Awaitable[Foreseen | None]]

log = structlog.get_logger(__name__)


class StepPreviews(Looking):
    """``foresee`` finds out what a step of an offer would change."""

    def __init__(
        self,
        database: Database,
        foresee: Foresee,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
        may: Callable[[], bool],
    ) -> None:
        super().__init__(database, clock, on_change, may)
        self._foresee = foresee

    def _looked_at(self, run: Run) -> datetime | None:
        return run.preview.at if run.preview else None

    def _has_any(self, run: Run) -> bool:
        return any(step.previewable for step in run.plan.steps)

    async def _look_at(self, run: Run) -> None:
        preview = await preview_of(run, self._foresee, self._clock())
        try:
            if self._may() and await self._keep(run, preview):
                self._on_change()
        except (StorageUnavailable, DBAPIError) as error:
            log.warning("preview.not_kept", run=run.id, reason=str(getattr(error, "orig", error)))

    async def _keep(self, run: Run, preview: Preview) -> bool:
        """Write it, if the offer still stands with the same plan; True where a person should see something new."""
        now = self._clock()
        async with self._database.write() as connection:
            _, found = await locked(connection, run.id)
            if found is None or found.status is not RunStatus.PROPOSED or found.plan_hash != run.plan_hash:
                return False
            await runs.save_preview(connection, run.id, preview)
            if found.preview and found.preview.hash == preview.hash:
                return False
            await incidents.add_to_timeline(connection, [_entry(run, preview, now)])
            await incidents.touch(connection, found.incident_id, now)
            return True


async def preview_of(run: Run, foresee: Foresee, at: datetime) -> Preview:
    """The previews of all steps of an offer but its gates, which are asked for themselves."""
    found = list[StepPreview]()
    try:
        async with asyncio.timeout(ALL_WITHIN):
            for position in _previewed(run.plan):
                found.append(await _step(run, position, foresee))
    except TimeoutError:
        late = f"not previewed: the steps before it took more than {ALL_WITHIN:g} s"
        found += [StepPreview(position, True, False, late) for position in _previewed(run.plan)[len(found) :]]
    return Preview(at, found)


def _previewed(plan: Plan) -> list[int]:
    return [position for position, step in enumerate(plan.steps) if step.kind != GATE]


async def _step(run: Run, position: int, foresee: Foresee) -> StepPreview:
    kind = run.plan.steps[position].kind
    try:
        async with asyncio.timeout(TIMEOUT):
            seen = await foresee(run, position)
    except TimeoutError:
        return StepPreview(position, True, False, f"not previewed: no answer within {TIMEOUT:g} s")
    except Exception as error:  # the offer stands all the same, and people are told
        log.error("preview.broke_off", run=run.id, exc_info=error)
        return StepPreview(position, True, False, "not previewed: an error inside Tandem, its log says more")
    if seen is None:
        how = " (its runbook gives no `preview`)" if kind in ("command", "http") else ""
        return StepPreview(position, False, False, f"no preview is possible of this {kind}{how}")
    output = seen.output if len(seen.output) <= MOST_OUTPUT else f"{seen.output[:MOST_OUTPUT]}\n… the rest is left out"
    return StepPreview(position, True, seen.ok, output or "it says nothing", seen.digest if seen.ok else "")


def _entry(run: Run, preview: Preview, now: datetime) -> TimelineEntry:
    lines = [f"Preview of “{run.plan.title}”, before any approval ({preview.hash}):"]
    for step in preview.steps:
        verdict = "" if step.ok or not step.possible else "would fail: "
        lines.append(f"{run.plan.steps[step.position].name}: {verdict}{step.output}")
    return TimelineEntry(incident_id=run.incident_id, at=now, kind=TimelineKind.RUN, text="\n".join(lines))
