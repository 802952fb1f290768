"""How long what a channel should show has waited, by its kind: new incidents, edits, replies in threads."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Literal, get_args

import structlog

from bot.domain.duration import format_duration
from bot.observability.metrics import SLACK_LAG

Kind = Literal["new", "edit", "thread"]
LATE: Mapping[Kind, timedelta] = {
    "new": timedelta(seconds=30),
    "edit": timedelta(minutes=5),
    "thread": timedelta(minutes=5),
}
"""What has waited for longer is late, which is said."""
_WORDS: Mapping[Kind, str] = {
    "new": "new incidents are shown",
    "edit": "messages are edited",
    "thread": "threads are brought up to date",
}

log = structlog.get_logger(__name__)


class Lags:
    """Of the channels of one workspace. ``timer`` gives seconds that no change of the clock touches."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._since: dict[str, dict[Kind, float]] = {}
        self._late: set[Kind] = set()

    def note(self, channel: str, since: dict[Kind, float]) -> None:
        """Since when the oldest of each kind waits in a channel; kinds of which nothing waits are left out."""
        if since:
            self._since[channel] = since
        else:
            self._since.pop(channel, None)
        self._say()

    def longest(self, kind: Kind) -> float:
        """Seconds."""
        return self._timer() - min((one[kind] for one in self._since.values() if kind in one), default=self._timer())

    def in_words(self) -> str:
        """What is late, in words that change only when that does; empty while nothing is."""
        late = [f"{_WORDS[kind]} more than {format_duration(LATE[kind])} late" for kind in LATE if kind in self._late]
        return f"there is more to show than Slack takes: {', '.join(late)}" if late else ""

    def _say(self) -> None:
        for kind in get_args(Kind):
            seconds = self.longest(kind)
            SLACK_LAG.labels(kind).set(seconds)
            late = LATE[kind].total_seconds()
            if seconds > late and kind not in self._late:
                self._late.add(kind)
                log.warning("slack.lags", kind=kind, seconds=round(seconds))
            elif seconds < late / 2 and kind in self._late:
                self._late.discard(kind)
                log.info("slack.lags_no_more", kind=kind)
