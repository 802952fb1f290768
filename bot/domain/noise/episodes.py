"""Which alerts call people without need: how often each came, and what people did with it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median
from typing import NamedTuple

import msgspec

from bot.domain.matcher import Matcher
from bot.domain.noise.proposals import Life, Proposal, longer_wait, rarer
from bot.domain.silence import Silence
from bot.domain.watched.sensitivity import OWN_SOURCE, WatchGroup


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One life of one alert. ``led_on``: somebody acknowledged or took its incident, or approved a run for it.

    ``dismissed``: somebody resolved the incident within a minute of that, and had nothing done: it led to nothing.
    """

    name: str
    service: str
    labels: dict[str, str]
    group: WatchGroup | None
    starts_at: datetime
    ends_at: datetime | None
    led_on: bool
    dismissed: bool = False
    incident_id: str = ""
    source: str = ""


class Noise(NamedTuple):
    """Alerts of one name at one service, or of one group of a watch. ``length`` is the median of their episodes'.

    ``flaps`` counts how often they began to flap, ``woke`` the incidents that they opened, ``dismissed`` the episodes
    whose incident was resolved by hand at once, ``silenced`` the silences that were made while they fired, and
    ``not_useful`` how often somebody said that of their group.
    """

    name: str
    service: str
    labels: dict[str, str]
    group: WatchGroup | None
    episodes: int
    led_on: int
    flaps: int
    length: timedelta
    woke: int = 0
    dismissed: int = 0
    silenced: int = 0
    not_useful: int = 0
    proposal: Proposal | None = None

    @property
    def share_led_on(self) -> float:
        return self.led_on / self.episodes

    @property
    def acted_upon(self) -> bool:
        """Whether people act upon it more often than not: that is no noise."""
        return self.led_on * 2 > self.episodes

    @property
    def weight(self) -> int:
        """What people showed by leaving it alone, and more by doing something against it."""
        return self.episodes - self.led_on + self.dismissed + 2 * (self.silenced + self.not_useful)

    @property
    def matchers(self) -> list[Matcher]:
        """What silences them: the name, and the label that names the service where there is one."""
        named = [Matcher("alertname", "=", self.name)]
        where = next((label for label, value in sorted(self.labels.items()) if value == self.service), None)
        return named + ([Matcher(where, "=", self.service)] if where and self.service else [])


def noise_of(
    episodes: Iterable[Episode],
    flaps: Mapping[str, int],
    now: datetime,
    silences: Sequence[Silence] = (),
    not_useful: Mapping[WatchGroup, int] | None = None,
) -> list[Noise]:
    """The noisiest first, by what people did with it: see :attr:`Noise.weight`.

    ``flaps`` by what the timeline calls the alert; ``silences`` that people made lately.
    """
    ordered = sorted(episodes, key=_kind)
    said, incidents = not_useful or {}, _incidents(ordered, now)
    found = [_together(list(alike), flaps, now, silences, said, incidents) for _, alike in groupby(ordered, key=_kind)]
    return sorted(found, key=lambda one: (-one.weight, -one.flaps, one.name, one.service))


def _kind(episode: Episode) -> tuple[str, str, WatchGroup]:
    return episode.name, episode.service, episode.group or WatchGroup("", "", "")


def _incidents(episodes: Iterable[Episode], now: datetime) -> dict[str, list[Life]]:
    """The lives of all alerts of each incident, the first first."""
    found: dict[str, list[Life]] = {}
    for one in sorted(episodes, key=lambda one: one.starts_at):
        if one.incident_id:
            length = (one.ends_at or now) - one.starts_at
            found.setdefault(one.incident_id, []).append(Life(_kind(one), length, one.led_on and not one.dismissed))
    return found


def _together(
    alike: list[Episode],
    flaps: Mapping[str, int],
    now: datetime,
    silences: Sequence[Silence],
    not_useful: Mapping[WatchGroup, int],
    incidents: Mapping[str, list[Life]],
) -> Noise:
    first = alike[0]
    called = f"{first.name} on {first.service}" if first.service else first.name
    lengths = [((one.ends_at or now) - one.starts_at).total_seconds() for one in alike]
    mine = {one.incident_id: incidents[one.incident_id] for one in alike if one.incident_id}
    woke = [lives for lives in mine.values() if lives[0].kind == _kind(first)]
    led_on = sum(one.led_on and not one.dismissed for one in alike)
    said = not_useful.get(first.group, 0) if first.group else 0
    proposal = None
    if led_on * 2 <= len(alike):
        own = first.source == OWN_SOURCE
        proposal = _of_watch(first, len(woke)) if own else longer_wait(_kind(first), list(mine.values()), first.source)
    return Noise(
        first.name,
        first.service,
        first.labels,
        first.group,
        len(alike),
        led_on,
        flaps.get(called, 0),
        timedelta(seconds=max(0.0, median(lengths))),
        len(woke),
        sum(one.dismissed for one in alike),
        sum(_silenced(one, alike, now) for one in silences),
        said,
        proposal,
    )


def _of_watch(first: Episode, woke: int) -> Proposal | None:
    return rarer(first.group.watch, woke) if first.group else None


def _silenced(silence: Silence, alike: Sequence[Episode], now: datetime) -> bool:
    """Whether it was made while one of them fired, and is of these alerts rather than of everything."""
    return any(
        one.starts_at <= silence.starts_at <= (one.ends_at or now) and silence.covers(one.labels, silence.starts_at)
        for one in alike
    )
