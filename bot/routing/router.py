"""Keeps up to date whom each incident concerns: its channels, its team and its escalation.

It is level-triggered: whatever changed an incident (alerts, a person, another release), and whichever routes the
configuration has now, its route is decided anew from what it is. While nothing of an incident fires its route stays.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.domain.routing.decision import Decision, Facts
from bot.errors import StorageUnavailable
from bot.routing.compiled import Routes
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import incidents, routing
from bot.storage.queries.routing import Place, Shared

POLL = 2.0
AT_ONCE = 100
_LATELY = timedelta(minutes=30)
_LOOK_AT_ALL = 300.0
"""Seconds after which every incident is looked at, not only those that changed lately."""

log = structlog.get_logger(__name__)


class Router:
    """``show`` is called with the names of channels that have something to show."""

    def __init__(
        self, database: Database, routes: Routes, clock: Callable[[], datetime], show: Callable[[Collection[str]], None]
    ) -> None:
        self._database, self._routes, self._clock, self._show = database, routes, clock, show
        self._labels = sorted(routes.labels)
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
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._woken.wait()

    async def route_all(self) -> None:
        """Route whatever is to be. Raises StorageUnavailable."""
        loop = asyncio.get_running_loop()
        every = self._all_looked_at is None or loop.time() - self._all_looked_at > _LOOK_AT_ALL
        since = None if every else self._clock() - _LATELY
        if self._all_looked_at is None:
            async with self._database.read() as connection:
                self._show(await routing.channels_in_use(connection))
        while await self._route_some(since) == AT_ONCE:
            pass
        if every:
            self._all_looked_at = loop.time()

    async def _route_some(self, since: datetime | None) -> int:
        async with self._database.read() as connection:
            found = await routing.to_route(connection, self._routes.digest, since, AT_ONCE)
            before = await routing.places_of(connection, [one.id for one in found])
        if not found:
            return 0
        firing, over = await self._shared(found)
        stay = [one.id for one in found if before[one.id] and (not one.open or one.id in over)]
        shared = {**over, **firing}
        decided = {
            one.id: None if one.id in stay else self._decision(one, shared.get(one.id, Shared({}, []))) for one in found
        }
        self._show(await self._save(found, before, decided))
        return len(found)

    async def _shared(self, found: Sequence[Incident]) -> tuple[dict[str, Shared], dict[str, Shared]]:
        """What the alerts share that fire; and what all do where none fires any more."""
        ids = [one.id for one in found]
        async with self._database.read() as connection:
            firing = await routing.shared_of(connection, ids, self._labels, active=True)
            silent = [one for one in ids if one not in firing]
            over = await routing.shared_of(connection, silent, self._labels, active=False) if silent else {}
        return firing, over

    def _decision(self, incident: Incident, shared: Shared) -> Decision:
        first = next(iter(incident.causes), None)
        return self._routes.decide(
            Facts(
                severity=incident.severity,
                services=incident.services,
                sources=shared.sources,
                cause=first.kind if first else None,
                domain=incident.domain,
                labels=shared.labels,
            )
        )

    @begun_anew
    async def _save(
        self,
        found: Sequence[Incident],
        before: Mapping[str, Sequence[Place]],
        decided: Mapping[str, Decision | None],
    ) -> set[str]:
        """The channels that these incidents are shown in, were or are to be."""
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
            await routing.note_routed(connection, versions, self._routes.digest)
            places = await routing.places_of(connection, decided)
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


def _current(places: Sequence[Place]) -> list[str]:
    return [place.channel for place in places if place.current]


def _differs(incident: Incident, before: Sequence[Place], decision: Decision) -> bool:
    places = [Place(target.channel, target.mention) for target in decision.targets]
    same = (incident.team, incident.escalation) == (decision.team, decision.escalation)
    return not same or [place for place in before if place.current] != places


def _where_to(before: Sequence[str], now: Sequence[str]) -> str:
    new = [channel for channel in now if channel not in before]
    if not before or not new:
        return ""
    words = ", ".join(f"#{channel.removeprefix('#')}" for channel in new)
    return f"Its route has changed: it is shown in {words} from now on"
