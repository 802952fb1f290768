"""Keeps up to date whom each incident concerns: its channels, its team and its escalation.

It is level-triggered: whatever changed an incident (alerts, a person, another release), and whichever routes the
configuration has now, its route is decided anew from what it is. While nothing of an incident fires its route stays.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.domain.routing.decision import Decision, Facts, Target
from bot.domain.runs.drill import real_domain
from bot.errors import StorageUnavailable
from bot.routing.compiled import Routes
from bot.routing.lately import LatelyShared
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import incidents, routing
from bot.storage.queries.routing import Place, Shared, Wanted
from bot.storage.quiet import Quiet

POLL = 2.0
_REST = 0.2
"""Seconds between two looks: what changes meanwhile is routed together."""
AT_ONCE = 100
_LATELY = timedelta(minutes=30)
_LOOK_AT_ALL = 300.0
"""Seconds after which every incident is looked at, not only those that changed lately."""

log = structlog.get_logger(__name__)


class Shown(Protocol):
    """The channels of this process."""

    def show(self, names: Collection[str]) -> None:
        """These channels have something to show."""
        ...

    def refusing(self) -> frozenset[str]:
        """The names of channels that take nothing until a person does something."""
        ...


class Nowhere:
    """No channels: a route is then a team and an escalation."""

    def show(self, names: Collection[str]) -> None:
        return

    def refusing(self) -> frozenset[str]:
        return frozenset()


class Router:
    """Where all channels of an incident refuse, it is shown in that of ``slack.channel``, too, until one does not."""

    def __init__(
        self,
        database: Database,
        routes: Routes,
        clock: Callable[[], datetime],
        shown: Shown,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._routes, self._clock, self._shown = database, routes, clock, shown
        self._refusing: frozenset[str] = frozenset()
        self._labels = sorted(routes.labels)
        self._timer = timer
        self._known = LatelyShared(timer)
        self._quiet = Quiet(database.commits)
        self._woken = asyncio.Event()
        self._all_looked_at: float | None = None

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Route until cancelled; what fails is tried again."""
        self._all_looked_at = None
        while True:
            self._woken.clear()
            try:
                await self.route_all()
            except StorageUnavailable as error:
                log.warning("routes.storage", reason=str(error))
            await asyncio.sleep(_REST)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._woken.wait()

    async def route_all(self) -> None:
        """Route whatever is to be. Raises StorageUnavailable."""
        loop = asyncio.get_running_loop()
        before, self._refusing = self._refusing, self._shown.refusing()
        if before != self._refusing:
            self._all_looked_at = None
            self._known.forget()
        every = self._all_looked_at is None or loop.time() - self._all_looked_at > _LOOK_AT_ALL
        if self._quiet.lasts and not every:
            return
        self._quiet.begin()
        since = None if every else self._clock() - _LATELY
        if self._all_looked_at is None:
            async with self._database.read() as connection:
                self._shown.show(await routing.channels_in_use(connection))
        found = [await self._route_each(Wanted(self._digest, new, since)) for new in (True, False)]
        if not any(found):
            self._quiet.found_nothing()
        if every:
            self._all_looked_at = loop.time()

    async def _route_each(self, wanted: Wanted) -> bool:
        """A page after the other, each in one transaction; whether there were any."""
        any_found = False
        while True:
            async with self._database.read() as connection:
                found = await routing.to_route(connection, wanted, AT_ONCE)
                before = await routing.places_of(connection, [one.id for one in found])
            if found:
                await self._route(found, before)
                wanted = wanted._replace(after=found[-1].number)
            any_found = any_found or bool(found)
            if len(found) < AT_ONCE:
                return any_found

    async def _route(self, found: Sequence[Incident], before: Mapping[str, Sequence[Place]]) -> None:
        due = [one for one in found if not self._known.settled(one)]
        shared = await self._shared(due)
        decided = {one.id: self._decision(one, before[one.id], shared[one.id]) for one in due}
        names = {place.channel for places in before.values() for place in places}
        self._shown.show(names | await self._save(due, before, decided) if due else names)

    async def _shared(self, due: Sequence[Incident]) -> Mapping[str, Shared]:
        """What the alerts share that fire, or all where none does any more; what was asked lately is known."""
        ids = [one.id for one in due if self._known.shared(one) is None] if self._routes.asks_alerts else []
        began = self._timer()
        async with self._database.read() as connection:
            firing = await routing.shared_of(connection, ids, self._labels, active=True) if ids else {}
            silent = [one for one in ids if one not in firing]
            over = await routing.shared_of(connection, silent, self._labels, active=False) if silent else {}
        found, took = {**over, **firing}, self._timer() - began
        return {one.id: self._known.note(one, found.get(one.id), took) for one in due}

    def _decision(self, incident: Incident, before: Sequence[Place], shared: Shared) -> Decision | None:
        """None where the route stays as it is: of what fires no more, the alerts decide nothing anew."""
        if before and (not incident.open or not shared.firing):
            return None
        first = next(iter(incident.causes), None)
        facts = Facts(
            severity=incident.severity,
            services=incident.services,
            sources=shared.sources,
            cause=first.kind if first else None,
            domain=real_domain(incident.domain),
            labels=shared.labels,
        )
        return self._reachable(_quiet(self._routes.decide(facts)) if incident.drill else self._routes.decide(facts))

    def _reachable(self, decision: Decision) -> Decision:
        """Shown in the default channel as well where nobody would see it."""
        default = self._routes.channel
        if default in self._refusing or not self._refusing.issuperset(decision.channels):
            return decision
        mentioned = dict.fromkeys(one for target in decision.targets for one in target.mention)
        all_quiet = all(target.quiet for target in decision.targets)
        quiet = tuple(one for target in decision.targets for one in target.quiet) if all_quiet else ()
        return decision._replace(targets=(Target(default, tuple(mentioned), quiet), *decision.targets))

    @property
    def _digest(self) -> str:
        """Of what decides where open incidents are shown: the routes, and channels that refuse."""
        return " ".join([self._routes.digest, *sorted(self._refusing)])

    @begun_anew
    async def _save(
        self,
        found: Sequence[Incident],
        before: Mapping[str, Sequence[Place]],
        decided: Mapping[str, Decision | None],
    ) -> set[str]:
        """The channels that those of these incidents whose route has changed are shown in, were or are to be."""
        async with self._database.write() as connection:
            now = await incidents.by_ids(connection, decided, lock=True)
            changed = [
                (now[one.id], decision)
                for one in found
                if one.id in now and (decision := decided[one.id]) and _differs(now[one.id], before[one.id], decision)
            ]
            await routing.save(connection, changed)
            moved = [one for one, decision in changed if before[one.id]]
            for one in moved:
                await routing.show_anew(connection, one.id)
            await incidents.add_to_timeline(connection, self._entries(changed, before))
            shown_anew = {one.id for one in moved}
            versions = {one.id: one.version + (one.id in shown_anew) for one in found if one.id in now}
            await routing.note_routed(connection, versions, self._digest)
            places = await routing.places_of(connection, [one.id for one, _ in changed])
        return {place.channel for of_incident in places.values() for place in of_incident}

    def _entries(
        self, changed: Sequence[tuple[Incident, Decision]], before: Mapping[str, Sequence[Place]]
    ) -> list[TimelineEntry]:
        """That an incident which was shown elsewhere goes on in another channel."""
        return [
            TimelineEntry(incident_id=one.id, at=self._clock(), kind=TimelineKind.STATUS, text=text)
            for one, decision in changed
            if (text := _where_to(_current(before[one.id]), decision.channels))
        ]


def _quiet(decision: Decision) -> Decision:
    """A drill calls nobody."""
    return decision._replace(escalation=None, targets=tuple(Target(one.channel, ()) for one in decision.targets))


def _current(places: Sequence[Place]) -> list[str]:
    return [place.channel for place in places if place.current]


def _differs(incident: Incident, before: Sequence[Place], decision: Decision) -> bool:
    places = [Place(target.channel, target.mention, quiet=target.quiet) for target in decision.targets]
    same = (incident.team, incident.escalation) == (decision.team, decision.escalation)
    return not same or [place for place in before if place.current] != places


def _where_to(before: Sequence[str], now: Sequence[str]) -> str:
    new = [channel for channel in now if channel not in before]
    if not before or not new:
        return ""
    words = ", ".join(f"#{channel.removeprefix('#')}" for channel in new)
    also = "also " if set(before) & set(now) else ""
    return f"Its route has changed: it is {also}shown in {words} from now on"
