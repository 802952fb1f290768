"""What monitors have learnt by season, as snapshots of their own: a check writes those of its rows alone."""

import zlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from bot.watches.snapshots import Changes

SEASON = "season:"
_SEPARATOR = "\x1f"
_MOST = 200
"""Seasons that a monitor has a state of: 168 hours of a week, and wider ones."""


class Place(NamedTuple):
    """A monitor in a domain, as a whole or for one version of the model."""

    model: str
    domain: str
    monitor: str
    version: str | None


class SeasonState(msgspec.Struct, frozen=True):
    """What the checks of a season have learnt against a reference."""

    model: str
    domain: str
    monitor: str
    version: str | None
    season: str
    reference: str
    packed: bytes

    @property
    def place(self) -> Place:
        return Place(self.model, self.domain, self.monitor, self.version)

    @property
    def name(self) -> str:
        version = "-" if self.version is None else f"={self.version}"
        return SEASON + _SEPARATOR.join([self.model, self.monitor, self.season, version, self.domain])


class SeasonMemory:
    """The states of seasons of a partition, by monitor."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._states: dict[Place, dict[str, SeasonState]] = {}
        self._by_name: dict[str, SeasonState] = {}

    def of(self, place: Place) -> Mapping[str, SeasonState]:
        return dict(self._states.get(place, {}))

    def learn(self, place: Place, reference: str, learnt: Mapping[str, bytes], position: int) -> None:
        """Keep what a check learnt; states against another reference are gone."""
        gone = [state for state in self._states.get(place, {}).values() if state.reference != reference]
        for state in gone if learnt else self._states.get(place, {}).copy().values():
            self._forget(state)
        for season, blob in learnt.items():
            if len(self._states.get(place, {})) < _MOST or season in self._states[place]:
                self._keep(SeasonState(*place, season, reference, zlib.compress(blob, 1)))
                self._changes.add(self._states[place][season].name, position)

    def forget(self, place: Place) -> None:
        for state in self.of(place).values():
            self._forget(state)

    def serialise(self, name: str) -> bytes | None:
        state = self._by_name.get(name)
        return msgspec.msgpack.encode(state) if state is not None else None

    def restore(self, state: bytes) -> bool:
        self._keep(season_of(state))
        return True

    def _keep(self, state: SeasonState) -> None:
        self._states.setdefault(state.place, {})[state.season] = state
        self._by_name[state.name] = state

    def _forget(self, state: SeasonState) -> None:
        del self._states[state.place][state.season]
        del self._by_name[state.name]
        self._changes.remove(state.name)


def season_of(state: bytes) -> SeasonState:
    """Raises MsgspecError."""
    return msgspec.msgpack.decode(state, type=SeasonState)


def unpacked(states: Mapping[str, SeasonState], reference: str) -> Mapping[str, bytes]:
    """What was learnt against this reference, by season."""
    return {season: zlib.decompress(state.packed) for season, state in states.items() if state.reference == reference}
