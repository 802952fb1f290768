"""Which alerts call people without need: how often each came, and what came of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median
from typing import NamedTuple

import msgspec

from bot.domain.matcher import Matcher
from bot.domain.watched.sensitivity import WatchGroup


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One life of one alert. ``led_on``: somebody acknowledged its incident, or approved a run for it."""

    name: str
    service: str
    labels: dict[str, str]
    group: WatchGroup | None
    starts_at: datetime
    ends_at: datetime | None
    led_on: bool


class Noise(NamedTuple):
    """Alerts of one name at one service, or of one group of a watch. ``length`` is the median of their episodes'.

    ``flaps`` counts how often they began to flap.
    """

    name: str
    service: str
    labels: dict[str, str]
    group: WatchGroup | None
    episodes: int
    led_on: int
    flaps: int
    length: timedelta

    @property
    def share_led_on(self) -> float:
        return self.led_on / self.episodes

    @property
    def acted_upon(self) -> bool:
        """Whether people act upon it more often than not: that is no noise."""
        return self.led_on * 2 > self.episodes

    @property
    def matchers(self) -> list[Matcher]:
        """What silences them: the name, and the label that names the service where there is one."""
        named = [Matcher("alertname", "=", self.name)]
        where = next((label for label, value in sorted(self.labels.items()) if value == self.service), None)
        return named + ([Matcher(where, "=", self.service)] if where and self.service else [])


def noise_of(episodes: Iterable[Episode], flaps: Mapping[str, int], now: datetime) -> list[Noise]:
    """The noisiest first: what came most often and led to nothing. ``flaps`` by what the timeline calls the alert."""
    ordered = sorted(episodes, key=_kind)
    found = [_together(list(alike), flaps, now) for _, alike in groupby(ordered, key=_kind)]
    return sorted(found, key=lambda one: (one.led_on - one.episodes, -one.flaps, one.name, one.service))


def _kind(episode: Episode) -> tuple[str, str, WatchGroup]:
    return episode.name, episode.service, episode.group or WatchGroup("", "", "")


def _together(alike: list[Episode], flaps: Mapping[str, int], now: datetime) -> Noise:
    first = alike[0]
    called = f"{first.name} on {first.service}" if first.service else first.name
    lengths = [((one.ends_at or now) - one.starts_at).total_seconds() for one in alike]
    return Noise(
        first.name,
        first.service,
        first.labels,
        first.group,
        len(alike),
        sum(one.led_on for one in alike),
        flaps.get(called, 0),
        timedelta(seconds=max(0.0, median(lengths))),
    )
