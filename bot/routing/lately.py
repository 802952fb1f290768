"""What the alerts of incidents shared when that was last asked: of a large incident that costs something."""

from collections.abc import Callable
from typing import NamedTuple

from bot.domain.incident import Incident
from bot.storage.queries.routing import Shared

KEPT, A_SHARE = 3.0, 20.0
"""Seconds after which it is asked anew; or so many times as long as the answer took, so that it costs a twentieth."""
_MOST = 5_000


class _Known(NamedTuple):
    until: float
    seen: tuple[object, ...]
    shared: Shared


class LatelyShared:
    """In memory; bounded. ``timer`` gives seconds that no change of the clock touches."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._known: dict[str, _Known] = {}

    def forget(self) -> None:
        self._known.clear()

    def settled(self, incident: Incident) -> bool:
        """Whether it was routed lately, and only its alerts can have changed since: that may wait."""
        known = self._lately(incident)
        return known is not None and known.seen == _seen(incident)

    def shared(self, incident: Incident) -> Shared | None:
        """What its alerts shared lately, if that is known."""
        known = self._lately(incident)
        return known.shared if known else None

    def note(self, incident: Incident, shared: Shared | None, took: float = 0.0) -> Shared:
        """What its alerts share now, or did lately where it was not asked; without alerts, nothing.

        ``took`` is how many seconds the answer took.
        """
        before = self._lately(incident)
        known = shared or (before.shared if before else Shared({}, []))
        until = before.until if before and shared is None else self._timer() + max(KEPT, A_SHARE * took)
        self._known.pop(incident.id, None)
        while len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[incident.id] = _Known(until, _seen(incident), known)
        return known

    def _lately(self, incident: Incident) -> _Known | None:
        known = self._known.get(incident.id)
        return known if known and self._timer() < known.until else None


def _seen(incident: Incident) -> tuple[object, ...]:
    """What else decides the route."""
    cause = incident.causes[0].kind if incident.causes else None
    return incident.status, incident.severity, tuple(incident.services), cause, incident.domain
