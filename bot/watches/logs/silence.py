"""Senders of logs that fall silent: one alert about the sender, and its groups wait until it is back."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, EndedBy, fingerprint_of
from bot.domain.severity import Severity
from bot.watches.logs.group import Group
from bot.watches.senders import has_stopped, moment_to_judge

MISSING = "LogsMissing"
SLACK_MS = 30_000
"""A sender may be so much later than it ever was before its silence counts for nothing."""


class Sender(msgspec.Struct):
    """What sends logs of a domain, which ``labels`` name. Times in ms since 1970.

    ``silent_since``: when the last line came, while the alert about its silence fires; ``groups`` that it is about.
    ``pause`` is the shortest of its groups' longest pauses. ``resumed_at``: when it was back after a silence.
    """

    source: str
    labels: dict[str, str]
    last_seen: int = 0
    pause: int = 0
    resumed_at: int = 0
    silent_since: int = 0
    groups: int = 0

    @property
    def name(self) -> str:
        return fingerprint_of({**self.labels, "\0source": self.source})

    def lines_came(self, at: int) -> None:
        if self.is_quiet(at, 0):
            self.resumed_at = at
        self.last_seen = max(self.last_seen, at)

    def is_quiet(self, now: int, since: int) -> bool:
        """Whether nothing came for longer than ever before: what does not come then shows nothing.

        What was before ``since`` does not count: nobody was there to receive it.
        """
        silence = now - max(self.last_seen, since)
        return self.is_silent() or (self.pause > 0 and silence > self.pause + SLACK_MS)

    def is_silent(self) -> bool:
        """Whether the alert about its silence fires, and nothing has come since."""
        return self.silent_since >= self.last_seen > 0

    def judge(self, groups: Sequence[Group], since: int, now: int) -> list[AlertEvent]:
        """Whether its silence begins or ends to be an alert. The groups are all it has; none: it is forgotten."""
        if self.silent_since:
            if self.is_silent() and groups:
                return []
            ended = self._alert(AlertStatus.RESOLVED, now, EndedBy.SENDER if groups else EndedBy.SOURCE_SILENT)
            self.silent_since = 0
            return [ended]
        known = [group for group in groups if group.patience()]
        last = max(self.last_seen, since)
        stopped = [group for group in known if group.is_overdue(now, since)]
        if not stopped:
            return []
        was_late = now - last < min(group.patience() for group in known)
        was_late = was_late or any(group.is_overdue(last, since) for group in stopped)
        if not has_stopped(len(stopped), len(known), was_late):
            return []
        self.silent_since, self.groups = self.last_seen, len(stopped)
        return [self._alert(AlertStatus.FIRING, now, EndedBy.SENDER)]

    def judged_at(self, groups: Sequence[Group], now: int) -> int:
        """The moment at which what stopped in a group is judged, as long as the sender itself is not silent."""
        known = sum(group.patience() > 0 for group in groups)
        return int(1000 * moment_to_judge(max(known, 1), self.last_seen / 1000, now / 1000))

    def _alert(self, status: AlertStatus, now: int, ended_by: EndedBy) -> AlertEvent:
        firing = status is AlertStatus.FIRING
        values = " / ".join(dict.fromkeys(self.labels.values()))
        what = "logs" + (f" from {self.source}" if self.source else "") + (f" of {values}" if values else "")
        if firing:
            summary = f"{what} stopped: {self.groups} groups came regularly, and none comes now"
        elif ended_by is EndedBy.SENDER:
            summary = f"{what} come again"
        else:
            summary = f"{what} did not come for so long that they are forgotten"
        return AlertEvent(
            source="tandem",
            fingerprint=fingerprint_of({"alertname": MISSING, "sender": self.name}),
            status=status,
            labels={**self.labels, "alertname": MISSING, "severity": Severity.WARNING.value},
            starts_at=_moment(min(self.silent_since, now)),
            annotations={"summary": summary},
            ends_at=None if firing else _moment(now),
            group=what,
            ended_by=ended_by,
        )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
