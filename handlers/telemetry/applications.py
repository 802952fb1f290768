"""The applications that send spans and evaluations, and which call of a model each span was."""

from functools import lru_cache

from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from bot.domain.llm.observed import Tally, labels_of
from bot.domain.llm.prices import Prices
from handlers.telemetry.calls import Recent
from handlers.telemetry.gathering import Gathering, InvalidPart, Kept, Watching
from handlers.telemetry.llm.tallies import Version
from handlers.telemetry.resources import MOST_PLACES, Place, Places

MOST_CALLS = 50_000
"""Calls of models that are remembered for evaluations which come later, of this process alone."""


class Applications:
    def __init__(self, watching: Watching, places: Places) -> None:
        self._watching = watching
        self._places = places
        self._known = lru_cache(maxsize=MOST_PLACES)(self._look)
        self._versions: Recent[Version] = Recent(MOST_CALLS)
        self.prices = Prices(watching.prices)

    def of(self, resource: Resource) -> Kept:
        """The application of a resource; the same object for the same one. Raises InvalidPart."""
        return self._known(self._places.of(resource))

    def remember(self, span: bytes, response: str, version: Version) -> None:
        """A span, and the response that it brought, were of this version."""
        self._versions.put(span, version)
        if response:
            self._versions.put(response.encode(errors="replace"), version)

    def version_of(self, span: bytes, response: str) -> Version | None:
        """What is evaluated, by its span or its response."""
        return self._versions.get(span) or self._versions.get(response.encode(errors="replace"))

    def measured(self, gathering: Gathering) -> Gathering:
        """The same delivery; what of its observations ``metrics.watch`` covers is kept as samples of series, too."""
        for application, tallies in gathering.applications():
            for window in tallies.windows():
                for tally in window.tallies:
                    kept = self._series(application, tally)
                    if kept is not None:
                        gathering.samples(kept, [(window.at, tally.mean)])
        return gathering

    def _series(self, application: Kept, tally: Tally) -> Kept | None:
        if not self._watching.has_series:
            return None
        try:
            return self._watching.series(application.labels | labels_of(tally))
        except InvalidPart:
            return None

    def _look(self, place: Place) -> Kept:
        return self._watching.application({**place.labels, **place.identity})
