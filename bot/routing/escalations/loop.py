"""The loop of escalations: begins them, takes the steps that are due, and ends them.

Level-triggered, like the notifier: it compares how far each escalation has come with what its incident is now. A step
is one transaction, under the lease of its role and with the incident locked, so that none is taken twice and none after
an acknowledgement.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, IncidentStatus
from bot.domain.oncall.escalation import (
    Escalating,
    Escalation,
    State,
    after_reminder,
    after_step,
    brought_back,
    brought_forward,
    put_off,
    settled,
)
from bot.domain.oncall.page import IN_SLACK, Act, Page, Way
from bot.domain.routing.quiet import GRACE, quiet_until
from bot.errors import StorageUnavailable
from bot.observability.metrics import ESCALATION_LATENESS, ESCALATIONS_LIVE
from bot.routing.escalations.pages import following, reminder, step_pages
from bot.routing.schedules.roster import NowOnCall, Roster
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import incidents, routing
from bot.storage.queries.oncall import calls, escalations
from bot.storage.queries.routing import Place
from bot.storage.queries.shown import channel_messages, quiet

POLL = 1.0
SETTLE_EVERY = 0.25
"""Seconds: what changes more often is looked at together."""
_AT_ONCE = 200
_AFTER_FAILURE = 2.0
_ENDED = (State.ACKNOWLEDGED, State.OVER)

log = structlog.get_logger(__name__)


class EscalationLoop:
    """``clock`` is to be one that does not jump, :class:`bot.routing.escalations.steady_clock.SteadyClock`."""

    def __init__(
        self,
        database: Database,
        rules: Mapping[str, Escalation],
        roster: Roster,
        clock: Callable[[], datetime],
        on_calls: Callable[[], None] = lambda: None,
    ) -> None:
        self._database, self._rules = database, rules
        self._roster, self._clock, self._on_calls = roster, clock, on_calls
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. What tandem.yaml says now holds for escalations that are under way, too."""
        begun = False
        while True:
            try:
                if not begun:
                    await self.begin()
                    begun = True
                if not await self.look():
                    await self._rest()
            except StorageUnavailable as error:
                log.warning("escalations.waits", reason=str(error))
                await asyncio.sleep(_AFTER_FAILURE)

    async def _rest(self) -> None:
        """Until something may be due, or has changed."""
        await asyncio.sleep(SETTLE_EVERY)
        async with self._database.read() as connection:
            due_at = await escalations.next_due_at(connection)
            states = await escalations.count_by_state(connection)
        for state in State:
            if state is not State.OVER:
                ESCALATIONS_LIVE.labels(state.value).set(states.get(state, 0))
        wait = POLL if due_at is None else min(POLL, (due_at - self._clock()).total_seconds())
        if wait > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()
        self._woken.clear()

    async def look(self) -> bool:
        """Do what is to be done now; whether there may be more. Raises StorageUnavailable, LostLease."""
        now = self._clock()
        async with self._database.read() as connection:
            changed = await escalations.unsettled(connection, _AT_ONCE)
        if changed:
            await self._settle(changed, now)
        async with self._database.read() as connection:
            due = await escalations.due(connection, now, _AT_ONCE)
        if due:
            await self._take_steps(due, now)
        if changed or due:
            self._on_calls()
        return bool(changed or due)

    async def begin(self) -> None:
        """What this replica takes over, it looks at anew: tandem.yaml, and the clock, may not be what they were."""
        await self._reconsider()
        after: str | None = ""
        while after is not None:
            after = await self._bring_forward(after)

    @begun_anew
    async def _reconsider(self) -> None:
        async with self._database.write() as connection:
            await escalations.reconsider(connection)

    @begun_anew
    async def _bring_forward(self, after: str) -> str | None:
        """Some of those that wait for a moment; up to which, None where there are no more."""
        async with self._database.write() as connection:
            waiting = await escalations.with_due_time(connection, after, _AT_ONCE)
            now = self._clock()
            moved = [(one, brought_forward(one, now)) for one in waiting]
            await escalations.save(connection, [new for old, new in moved if new is not old])
        return waiting[-1].incident_id if len(waiting) == _AT_ONCE else None

    @begun_anew
    async def _settle(self, ids: Collection[str], now: datetime) -> None:
        """Bring escalations to what became of their incidents."""
        async with self._database.write() as connection:
            found = await incidents.by_ids(connection, ids, lock=True)
            before = await escalations.of_incidents(connection, found)
            places = await routing.places_of(connection, found)
            after = {one.id: self._settled(before[one.id], one, places[one.id], now) for one in found.values()}
            await escalations.save(connection, list(after.values()))
            await self._follow(connection, found, before, after, now)

    def _settled(self, known: Escalating, incident: Incident, places: Sequence[Place], now: datetime) -> Escalating:
        name = incident.escalation or ""
        rules = self._rules.get(name)
        after = settled(known, incident, name, rules, now)
        lately = (self._quiet_until(incident, places, at) for at in (now, now - GRACE))
        return after if rules is None or any(lately) else brought_back(after, rules, now)

    def _quiet_until(self, incident: Incident, places: Sequence[Place], now: datetime) -> datetime | None:
        """When quiet hours end, if they hold now: those of the escalation, or of all channels of the incident."""
        rules = self._rules.get(incident.escalation or "")
        own = rules.quiet.until(incident.severity, now) if rules and rules.quiet else None
        current = [place for place in places if place.current]
        ends = [quiet_until(place.quiet, incident.severity, now) for place in current]
        everywhere = min((end for end in ends if end), default=None) if ends and all(ends) else None
        return max((end for end in (own, everywhere) if end is not None), default=None)

    async def _follow(
        self,
        connection: AsyncConnection,
        found: Mapping[str, Incident],
        before: Mapping[str, Escalating],
        after: Mapping[str, Escalating],
        now: datetime,
    ) -> None:
        """Where calling has ended or begun anew, nobody is called by what was wanted until now; pagers are told."""
        changed = [
            incident_id
            for incident_id, one in after.items()
            if (one.state, one.cycle) != (before[incident_id].state, before[incident_id].cycle)
        ]
        await calls.supersede(connection, changed, list(Way))
        called: dict[str, list[Page]] = defaultdict(list)
        for page in await calls.called(connection, [one for one in changed if after[one].state in _ENDED]):
            called[page.incident_id].append(page)
        wanted = [
            page for incident_id, pages in called.items() for page in following(pages, _act(after[incident_id]), now)
        ]
        await calls.add(connection, wanted)
        for incident_id in changed:
            log.info(
                "escalation.settled",
                incident=found[incident_id].number,
                escalation=after[incident_id].name,
                state=after[incident_id].state,
            )

    @begun_anew
    async def _take_steps(self, ids: Collection[str], now: datetime) -> None:
        """Take the steps that are due. What has changed meanwhile is settled first, at the next look."""
        async with self._database.write() as connection:
            found = await incidents.by_ids(connection, ids, lock=True)
            known = await escalations.of_incidents(connection, ids)
            places = await routing.places_of(connection, ids)
            on_call = await self._roster.at(connection, now)
            moved: list[Escalating] = []
            pages: list[Page] = []
            quiet_until_of: dict[str, datetime] = {}
            for incident_id, one in known.items():
                incident = found.get(incident_id)
                if incident is None or one.due_at is None or one.due_at > now:
                    moved += (
                        [] if incident is not None else [msgspec.structs.replace(one, state=State.OVER, due_at=None)]
                    )
                elif one.version >= incident.version and (
                    until := self._quiet_until(incident, places[incident_id], now)
                ):
                    moved.append(put_off(one, until, now))
                    quiet_until_of[incident_id] = until
                elif one.version >= incident.version:
                    ESCALATION_LATENESS.observe(max(one.late_by(now).total_seconds(), 0.0))
                    after, wanted = self._step(incident, one, on_call, now)
                    moved.append(after)
                    pages += wanted
            await self._leave_to_digest(connection, quiet_until_of)
            stepped = {page.incident_id for page in pages}
            await calls.supersede(connection, stepped, IN_SLACK)
            await calls.add(connection, pages)
            await escalations.save(connection, moved)

    async def _leave_to_digest(self, connection: AsyncConnection, until: Mapping[str, datetime]) -> None:
        """What is not called in quiet hours is named by the digest at their end, where the incident is shown."""
        shown = await channel_messages.places_of(connection, until) if until else {}
        for incident_id, (channel, _) in shown.items():
            await quiet.hold(connection, channel, until[incident_id], incident_id)

    def _step(
        self, incident: Incident, one: Escalating, on_call: Mapping[str, NowOnCall], now: datetime
    ) -> tuple[Escalating, list[Page]]:
        """How far it has come then, and the calls that the step wants."""
        rules = self._rules.get(one.name)
        if rules is None or not incident.open:
            return msgspec.structs.replace(one, state=State.OVER, due_at=None), []
        if one.state is State.ACKNOWLEDGED or incident.status is IncidentStatus.ACKNOWLEDGED:
            nth = int(now.timestamp())
            return after_reminder(one, rules, now), [reminder(incident, one, rules, nth, now)]
        if one.step >= len(rules.steps):
            return msgspec.structs.replace(one, state=State.EXHAUSTED, due_at=None), []
        wanted = step_pages(incident, one, rules, on_call, now)
        return after_step(one, rules, now, wanted.reached), wanted.pages


def _act(after: Escalating) -> Act:
    return Act.ACKNOWLEDGE if after.state is State.ACKNOWLEDGED else Act.RESOLVE
