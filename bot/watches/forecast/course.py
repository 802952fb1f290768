"""Where one watched series is going, against its limit; and the group that alerts for such series."""

from math import inf, isinf

import msgspec

from bot.domain.event import bounded, fingerprint_of
from bot.domain.watched.forecast import Forecasting, Side
from detectors.arrays import packed, unpacked_to_change
from detectors.forecast import Forecast
from detectors.forecast.alarm import Alarm
from detectors.forecast.timing import Timing


class Outlook(msgspec.Struct, array_like=True, frozen=True):
    """When the limit will be crossed, as of ``at``; seconds since the epoch, infinite where not within the horizon."""

    at: float
    limit: float
    value: float
    probability: float
    earliest: float = inf
    median: float = inf
    latest: float = inf
    beyond: bool = False


class Course(msgspec.Struct, array_like=True):
    """A series with its forecast. ``last_seen``: when its last sample was received, in seconds since the epoch."""

    labels: dict[str, str]
    forecast: Forecast
    alarm: Alarm
    outlook: Outlook | None = None
    last_seen: float = 0.0
    timing: Timing = msgspec.field(default_factory=Timing)

    def state(self) -> bytes:
        return msgspec.msgpack.encode(self, enc_hook=packed)

    @classmethod
    def restore(cls, state: bytes) -> "Course":
        """Raises ValueError or msgspec.MsgspecError for what is no state of a course."""
        return _decode(state)

    def look(self, ruled: Forecasting, limit: float | None) -> None:
        """Look at the forecast, which is another one now; nothing is said of a series without a limit."""
        value, at = self.forecast.latest(), self.forecast.at
        self.alarm.sure, self.alarm.unsure = ruled.sure, ruled.sure / 2
        if limit is None or value is None:
            self.outlook = None
            self.alarm.look(0.0)
            return
        below = ruled.side is Side.BELOW
        beyond = value <= limit if below else value >= limit
        found = self.timing.look(at, beyond, self.forecast.crossing(limit, below, self.timing.shares))
        if beyond:
            self.outlook = Outlook(at, limit, value, 1.0, at, at, at, beyond=True)
        elif found is None:
            self.outlook = Outlook(at, limit, value, 0.0)
        else:
            earliest, median, latest = (at + seconds for seconds in found[1:])
            self.outlook = Outlook(at, limit, value, found.probability, earliest, median, latest)
        self.alarm.look(self.outlook.probability)

    @property
    def is_known(self) -> bool:
        """Whether anything can be said of it: enough was learnt, and its limit has come."""
        return self.outlook is not None and (self.forecast.is_learnt or self.outlook.beyond)

    @property
    def is_calm(self) -> bool:
        """Whether it fires, and the last looks speak for an end of it."""
        return self.alarm.fires and self.alarm.looks > 0


class Told(msgspec.Struct, array_like=True):
    """What was said last of a group that fires; times in seconds since the epoch."""

    since: float
    at: float = 0.0
    lead: str = ""
    severity: str = ""
    beyond: bool = False
    stale: bool = False
    calm_since: float = 0.0


class GroupState(msgspec.Struct, array_like=True):
    """What is kept of a group over restarts, beside its members."""

    watch: str
    labels: dict[str, str]
    told: Told | None = None


class Group:
    """Series of one watch with the same ``by`` labels; ``members`` by the fingerprint of their labels."""

    def __init__(self, state: GroupState) -> None:
        self.state = state
        self.name = group_name(state.watch, state.labels)
        self.members: dict[str, Course] = {}

    @property
    def text(self) -> str:
        """What its alerts call it."""
        labels = (f"{name}={value}" for name, value in sorted(self.state.labels.items()))
        return bounded(" ".join([self.state.watch, *labels]))

    def firing(self) -> list[Course]:
        """The members whose limit will be crossed, the first to do so first."""
        found = [one for one in self.members.values() if one.alarm.fires and one.outlook]
        return sorted(found, key=_order)

    def last_seen(self) -> float:
        """When something last came."""
        return max((one.last_seen for one in self.members.values()), default=0.0)


def group_name(watch: str, labels: dict[str, str]) -> str:
    return fingerprint_of({"": watch, **labels})


def _order(course: Course) -> tuple[float, float, str]:
    outlook = course.outlook
    assert outlook is not None
    median = outlook.median if not isinf(outlook.median) else 1e15
    return (0.0 if outlook.beyond else 1.0, median, fingerprint_of(course.labels))


_decode = msgspec.msgpack.Decoder(Course, dec_hook=unpacked_to_change).decode
