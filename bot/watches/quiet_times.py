"""Times of which nothing is learnt: while a maintenance window or a short silence covers what is watched.

Who silences something for an hour works on it; who silences it for a week does not want to hear of it, and what it
does meanwhile is what is usual.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.matcher import matches_all
from bot.domain.rules import Rules
from bot.domain.silence import Silence
from detectors.topology import Topology

LONGEST = timedelta(days=1)
"""A silence that lasts for longer is no work on what it covers."""
_ANY = "alertname"


class QuietTimes:
    """``silences`` are those that may be in force; the maintenance windows are those of ``rules``. What is watched is
    matched by its labels and by the service that it is about."""

    def __init__(self, silences: Sequence[Silence], rules: Rules) -> None:
        self._about, self._described = rules.correlation.about, Topology(rules.depends_on).described
        self._silences = [one for one in silences if one.ends_at - one.starts_at <= LONGEST and _is_of_all(one)]
        self._windows = rules.maintenance
        self._open: dict[int, list[Silence]] = {}
        self._covered: dict[tuple[str, str], bool] = {}

    def covers(self, name: str, labels: Mapping[str, str], at: float) -> bool:
        """Whether nothing is to be learnt of a series, known by a name, at a moment in seconds."""
        if not self._silences and not self._windows:
            return False
        moment = datetime.fromtimestamp(at, UTC)
        return any(
            one.starts_at <= moment < one.ends_at and self._is_covered(one, name, labels)
            for one in (*self._silences, *self._windows_at(moment))
        )

    def _windows_at(self, moment: datetime) -> list[Silence]:
        """Those that are open in its minute."""
        minute = int(moment.timestamp() // 60)
        if minute not in self._open:
            if len(self._open) > 1000:
                self._open.clear()
            found = [window.silence_at(name, moment) for name, window in self._windows.items()]
            self._open[minute] = [one for one in found if one is not None and _is_of_all(one)]
        return self._open[minute]

    def _is_covered(self, silence: Silence, name: str, labels: Mapping[str, str]) -> bool:
        key = (silence.id, name)
        if key not in self._covered:
            if len(self._covered) > 100_000:
                self._covered.clear()
            service = self._about(labels, self._described).service
            seen = {**labels, "service": service} if service else labels
            self._covered[key] = matches_all(silence.matchers, seen) or matches_all(silence.matchers, labels)
        return self._covered[key]


def _is_of_all(silence: Silence) -> bool:
    """One of single alerts by their names says nothing of what else is going on there."""
    return all(one.label != _ANY for one in silence.matchers)
