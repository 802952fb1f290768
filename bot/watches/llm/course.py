"""The course of one measure of an application's calls with one prompt: as a whole, and of each version by itself.

A version is a model with a version of the prompt. One that comes after the whole was learnt is held against the whole:
so a new version shows itself by its first answers, while it has little of the traffic. Those that were there from the
beginning are held against their own past.
"""

from collections.abc import Mapping
from math import ceil

import msgspec

from bot.domain.llm.observed import Measure
from detectors.shift import LEARN, Shift

_MARGIN_OF_SHARES = 0.03
_MARGIN_OF_SCORES = 0.04
_MARGIN_OF_AMOUNTS = 0.1
"""So many calls more, of all, may be far above what was usual."""
_FAR = 1.5
"""So many times as much as nine in ten calls took is far above."""
_SCALES = (1.0, 5.0, 10.0, 100.0)
ACCEPTED_AFTER = 86_400.0
"""What has fired for so many seconds is usual."""
FORGOTTEN_AFTER = 7 * 86_400.0
Counts = Mapping[float, int]


class Course(msgspec.Struct):
    """``labels`` are the application's. ``first`` is what came before there is a scale; ``high`` of a score is the
    greatest that it can be, and of an amount what is far above the usual. ``fires_since`` is in seconds, 0 for not."""

    labels: dict[str, str]
    service: str
    measure: Measure
    prompt: str
    of: str
    first: dict[str, dict[float, int]] = {}
    low: float = 0.0
    high: float = 0.0
    whole: Shift | None = None
    versions: dict[str, Shift] = {}
    seen_at: float = 0.0
    fires_since: float = 0.0

    def observe(self, at: float, by_version: Mapping[str, Counts], most_versions: int) -> None:
        """Take what came together, by version."""
        self.seen_at = max(at, self.seen_at)
        if self.whole is None:
            self._begin(at, by_version, most_versions)
            return
        together: dict[float, int] = {}
        for version, counts in by_version.items():
            for value, count in self._scaled(counts).items():
                together[value] = together.get(value, 0) + count
            shift = self._shift_of(version, most_versions)
            if shift is not None:
                shift.observe(at, self._scaled(counts))
        self.whole.observe(at, together)
        self._forget_unused(self.whole)

    @property
    def is_off(self) -> bool:
        return self.whole is not None and bool(self.whole.shifted or any(one.shifted for one in self.versions.values()))

    @property
    def began(self) -> float:
        shifts = [self.whole, *self.versions.values()]
        return min((one.since for one in shifts if one is not None and one.shifted), default=self.seen_at)

    def told(self) -> tuple[str, Shift]:
        """The version that is off, where it is one, and else the whole."""
        assert self.whole is not None  # it is off, so it was learnt
        off = {name: one for name, one in self.versions.items() if one.shifted}
        if len(off) == 1 and (not self.whole.shifted or len(self.versions) > 1):
            return next(iter(off.items()))
        return "", self.whole if self.whole.shifted or not off else next(iter(off.values()))

    def unscaled(self, mean: float) -> float:
        """A mean as people know it: of a score in its own scale."""
        return self.low + mean * (self.high - self.low) if self.measure is Measure.SCORE else mean

    def accept(self) -> None:
        """What fires is usual: all is learnt anew."""
        self.first, self.whole, self.versions = {}, None, {}

    def _begin(self, at: float, by_version: Mapping[str, Counts], most_versions: int) -> None:
        known = {version: dict(counts) for version, counts in self.first.items()}
        for version, counts in by_version.items():
            kept = version if version in known or len(known) < most_versions else ""
            own = known.setdefault(kept, {})
            for value, count in counts.items():
                own[value] = own.get(value, 0) + count
        self.first = known
        together: dict[float, int] = {}
        for counts in known.values():
            for value, count in counts.items():
                together[value] = together.get(value, 0) + count
        if sum(together.values()) < LEARN:
            return
        self._set_scale(together)
        self.first = {}
        self.whole = self._new_shift()
        self.whole.observe(at, self._scaled(together))
        self.versions = {version: self._new_shift() for version in known if version}
        for version, shift in self.versions.items():
            shift.observe(at, self._scaled(known[version]))

    def _set_scale(self, counts: Counts) -> None:
        if self.measure is Measure.SCORE:
            least, greatest = min(counts), max(counts)
            self.low = 0.0 if least >= 0 else -next((one for one in _SCALES if one >= -least), -least)
            self.high = next((one for one in _SCALES if one >= greatest), max(greatest, self.low + 1.0))
        elif not self.measure.is_share:
            wanted, seen = ceil(0.9 * sum(counts.values())), 0
            for value in sorted(counts):
                seen += counts[value]
                if seen >= wanted:
                    self.high = _FAR * value
                    return

    def _new_shift(self) -> Shift:
        if self.measure is Measure.SCORE:
            return Shift(_MARGIN_OF_SCORES, falls=True)
        return Shift(_MARGIN_OF_SHARES if self.measure.is_share else _MARGIN_OF_AMOUNTS)

    def _scaled(self, counts: Counts) -> dict[float, int]:
        """Between 0 and 1: of amounts, whether they are far above what is usual."""
        if self.measure.is_share:
            return dict(counts)
        found: dict[float, int] = {}
        for value, count in counts.items():
            if self.measure is Measure.SCORE:
                scaled = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
            else:
                scaled = float(value > self.high)
            found[scaled] = found.get(scaled, 0) + count
        return found

    def _shift_of(self, version: str, most_versions: int) -> Shift | None:
        assert self.whole is not None  # as its caller saw to
        if not version:
            return None
        known = self.versions.get(version)
        if known is None and len(self.versions) < most_versions:
            known = self._new_shift()
            known.learn_from(self.whole)
            self.versions = {**self.versions, version: known}
        return known

    def _forget_unused(self, whole: Shift) -> None:
        """A version that is off and answers no more is off no more; one that is long unseen makes room."""
        oldest = whole.recent[0][0] if whole.recent else self.seen_at
        usual = whole.is_usual()
        self.versions = {
            name: one
            for name, one in self.versions.items()
            if one.last_at() >= self.seen_at - FORGOTTEN_AFTER
            and not (one.shifted and usual and one.last_at() < oldest)
        }
