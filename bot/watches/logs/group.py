"""A watched group of log streams: what it has learnt, and which of its findings fire."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from bot.domain.event import AlertStatus, bounded, fingerprint_of
from bot.domain.watched.telemetry import Watched
from bot.watches.logs.beginning import MINUTE_MS, began
from detectors.logs import Closed, Finding, Stream
from detectors.logs.stream import LATE_MS, TIMES_SILENT

QUIET_MS = {"rate": 5 * MINUTE_MS, "burst": 5 * MINUTE_MS, "unseen": 15 * MINUTE_MS}
"""How long nothing more is found, or the new template does not come, before an alert is resolved."""
LONGEST_MS = 24 * 60 * MINUTE_MS
"""After so long what was abnormal counts as usual."""
MOST_ALONE = 3
"""Alerts of a kind that fire at a time for a template each; what is more goes into one alert of the group."""
RAISED_AGAIN = 2
"""An alert of many templates is raised again when it has grown so many times."""
MOST_SHOWN = 20
MOST_EPISODES = 100
HISTORY = 60


class Firing(msgspec.Struct):
    """A finding that fires: of one template, or of many where ``template`` is None. Times in ms since 1970.

    ``affected`` are the templates' texts of which there are ``count``; ``reported`` of them when it was raised last.
    """

    kind: str
    template: int | None
    text: str
    fingerprint: str
    sample: str
    observed: float
    expected: float
    since: int
    last: int
    affected: list[str] = []
    count: int = 1
    reported: int = msgspec.field(default=1, name="told")  # the name in stored snapshots
    good_since: int = 0
    """Nothing was found of it since then, and it waits to be sure of that; 0 while it is found."""
    lines_since: int = 0
    """How many windows with lines of the group came since it was found last; none while its sender is silent."""


class Notice(NamedTuple):
    """A finding begins, grows or ends with the window that ended ``at`` (ms since 1970)."""

    firing: Firing
    status: AlertStatus
    at: int


class Held(msgspec.Struct, array_like=True):
    """A template stopped in a window, that ended ``at``, without any line of the group: whose fault is not known yet.

    ``observed`` and ``expected`` in seconds, as in :class:`detectors.logs.Finding`. ``excused``: when its sender was
    back after a silence that may explain it.
    """

    template: int
    at: int
    score: float
    observed: float
    expected: float
    excused: int = 0

    def finding(self, now: int) -> Finding:
        observed = self.observed + (now - self.at) / 1000
        return Finding("stopped", self.template, self.score, observed, self.expected)

    def due(self, resumed_at: int) -> int:
        """From when on it is overdue: after a silence of its sender it has, once, as long as ever to come again."""
        if not self.excused and resumed_at > self.at - int(1000 * self.observed):
            self.excused = resumed_at
        return max(self.at, self.excused + int(1000 * TIMES_SILENT * self.expected)) if self.excused else self.at


_MOST_SERVICES = 2
"""Of two it is nobody's: more are not counted."""


class Group:
    """Lines of a watch with the same ``labels``. One alert fires for a template and kind of finding, or for many."""

    def __init__(self, watch: str, labels: Mapping[str, str], watched: Watched, learn_for: float) -> None:
        self.watch = watch
        self.labels = dict(labels)
        self.watched = watched
        self._span = watched.one_false_alarm_in.total_seconds()
        self.stream = Stream(learn_for, self._span)
        self.firing: dict[str, Firing] = {}
        self.history: deque[Closed] = deque(maxlen=HISTORY)
        self.last_seen = 0  # ms since 1970
        self.source = ""
        self._services: set[str] = set()
        self._held: list[Held] = []
        self.pause = 0
        """In ms, after how long something of it came at the latest; 0 where nothing is regular."""
        self._raised: dict[str, list[tuple[int, float]]] = {}
        self._deliveries: deque[int] = deque(maxlen=64)
        self._turned: dict[str, Notice] = {}

    @property
    def text(self) -> str:
        """What its alerts call it."""
        labels = (f"{name}={value}" for name, value in sorted(self.labels.items()))
        return bounded(" ".join(["logs", self.watch, *labels]))

    def note_service(self, service: str) -> None:
        """Lines of it were written in spans of a service, which its labels do not name."""
        if service and len(self._services) < _MOST_SERVICES:
            self._services.add(service)

    @property
    def by_traces(self) -> str:
        """The service whose all of it is by its traces; empty where it is several ones', or nobody's."""
        return next(iter(self._services)) if len(self._services) == 1 else ""

    def allow_fewer_alarms(self, factor: float) -> None:
        """Let ``factor`` times as long as configured pass between two false alarms."""
        self._span = factor * self.watched.one_false_alarm_in.total_seconds()
        self.stream.allow_one_in(self._span)

    def is_repetition(self, delivery: int) -> bool:
        """Whether a delivery, named by its hash, came a moment ago already: a sender that got no answer repeats."""
        if delivery in self._deliveries:
            return True
        self._deliveries.append(delivery)
        return False

    def update(self, closed: Closed, quiet: bool = False) -> list[Notice]:
        """What a window that is over changes about what fires. ``quiet``: nothing comes from its sender at all."""
        notices = self._all_found(self._not_held(closed), closed.at)
        return [*notices, *self._quiet(closed, quiet and not closed.lines)]

    def judge_held(self, moment: int, resumed_at: int, now: int) -> list[Notice]:
        """What stopped with all of the group and was overdue at a ``moment`` at which its sender still sent."""
        due = [one for one in self._held if one.due(resumed_at) <= moment]
        self._held = [one for one in self._held if one not in due]
        return self._all_found([one.finding(now) for one in due], now)

    def sender_is_silent(self) -> None:
        """What stopped has to be given time anew when its sender is back."""
        for one in self._held:
            one.excused = 0

    def patience(self) -> int:
        """How many ms without a line are too long; 0 where nothing is regular."""
        return int(TIMES_SILENT * self.pause) + MINUTE_MS + LATE_MS if self.pause else 0

    def is_overdue(self, at: int, since: int) -> bool:
        """Whether nothing came for too long; what was before ``since`` does not count."""
        return self.patience() > 0 and at - max(self.last_seen, since) >= self.patience()

    def turned(self) -> list[Notice]:
        """What fires on, to be sure, while its data has turned good, or bad again, since the last call."""
        turned = [one for name, one in self._turned.items() if name in self.firing]
        self._turned = {}
        return turned

    def replay(self, closed: Closed) -> list[Notice]:
        """As :meth:`update` for a window whose findings were raised before: nothing."""
        self._not_held(closed)
        return []

    def resolve_all(self, at: int) -> list[Notice]:
        """Resolve what fires, because the group is forgotten."""
        return [Notice(firing, AlertStatus.RESOLVED, at) for firing in self.firing.values()]

    def _not_held(self, closed: Closed) -> list[Finding]:
        """Note a window; its findings but those that wait, as no line of the group came."""
        self.history.append(closed)
        current = self.stream.miner.current
        self._held = [one for one in self._held if current(one.template) not in closed.lines]
        if closed.lines:
            self.pause = int(1000 * self.stream.shortest_pause())
            return closed.findings
        stopped = [one for one in closed.findings if one.kind == "stopped"]
        self._held += [
            Held(one.template, closed.at, one.score, one.observed, one.expected) for one in stopped if one.template
        ]
        return [one for one in closed.findings if one.kind != "stopped"]

    def _all_found(self, findings: Iterable[Finding], at: int) -> list[Notice]:
        findings = list(findings)
        kinds = Counter(finding.kind for finding in findings)
        notices: dict[str, Notice] = {}
        for finding in findings:
            for one in self._found(finding, at, many=kinds[finding.kind] > MOST_ALONE):
                notices[one.firing.fingerprint] = one
        return list(notices.values())

    def _found(self, finding: Finding, at: int, many: bool) -> Iterable[Notice]:
        text = self.stream.miner.text(finding.template) if finding.template else ""
        if not text:
            return
        # A burst is one for the group, whichever template is the loudest.
        name = self._name_of(finding.kind, "" if finding.kind == "burst" else text)
        known = self.firing.get(name)
        if known is not None:
            known.last = at
            return
        if not self._is_worth_raising(name, finding, at):
            return
        alone = sum(firing.kind == finding.kind for firing in self.firing.values())
        if many or alone >= MOST_ALONE:
            yield from self._one_of_many(finding, text, at)
        else:
            yield Notice(self._begin(name, finding, text, at), AlertStatus.FIRING, at)

    def _begin(self, name: str, finding: Finding, text: str, at: int) -> Firing:
        sample = self.stream.samples.get(finding.template or 0, "")
        since = began(finding, at, self.history[-1] if self.history else None)
        fields = (finding.observed, finding.expected, since, at)
        firing = self.firing[name] = Firing(finding.kind, finding.template, text, name, sample, *fields)
        return firing

    def _one_of_many(self, finding: Finding, text: str, at: int) -> Iterable[Notice]:
        name = self._name_of(finding.kind)
        firing = self.firing.get(name)
        if firing is None:
            firing = self._begin(name, finding, text, at)
            firing.template, firing.affected, firing.reported = None, [text], 0
        elif text not in firing.affected:
            firing.count += 1
            firing.affected = [*firing.affected, text][:MOST_SHOWN]
        firing.last = at
        if firing.count >= RAISED_AGAIN * firing.reported:
            firing.reported = firing.count
            yield Notice(firing, AlertStatus.FIRING, at)

    def _name_of(self, kind: str, text: str = "") -> str:
        return fingerprint_of({**self.labels, "\0watch": self.watch, "\0kind": kind, "\0template": text})

    def _is_worth_raising(self, name: str, finding: Finding, at: int) -> bool:
        """Whether it exceeds what was raised twice already within the time of one false alarm: that is usual."""
        if finding.kind not in ("rate", "burst"):
            return True
        size = max(finding.observed, 1.0) / max(finding.expected, 1.0)
        size = max(size, 1 / size)
        earlier = [one for one in self._raised.get(name, []) if one[0] > at - self._span * 1000]
        worth = len(earlier) < 2 or size > sorted((size for _, size in earlier), reverse=True)[1]
        if worth:
            self._raised[name] = [*earlier, (at, size)][-8:]
            if len(self._raised) > MOST_EPISODES:
                del self._raised[next(iter(self._raised))]
        return worth

    def _quiet(self, closed: Closed, quiet: bool) -> Iterable[Notice]:
        for name, firing in list(self.firing.items()):
            if quiet:  # nothing is known of it, so that it goes on
                firing.last, firing.lines_since = closed.at, 0
            if self._is_over(firing, closed):
                del self.firing[name]
                yield Notice(firing, AlertStatus.RESOLVED, closed.at)
            elif self._note_good(firing, closed):
                self._turned[name] = Notice(firing, AlertStatus.FIRING, closed.at)

    def _note_good(self, firing: Firing, closed: Closed) -> bool:
        """Note whether a window in which lines came shows nothing of it any more; whether that is new."""
        if firing.kind == "stopped":
            return False
        found = firing.last >= closed.at
        firing.lines_since = 0 if found else firing.lines_since + bool(closed.lines)
        good = not found and firing.lines_since > 0
        if good == bool(firing.good_since):
            return False
        firing.good_since = closed.at if good else 0
        return True

    def _is_over(self, firing: Firing, closed: Closed) -> bool:
        template = self.stream.miner.current(firing.template) if firing.template else None
        if firing.kind == "unseen" and template in closed.lines:
            firing.last = closed.at
        if closed.at - firing.since > LONGEST_MS:
            return True
        if firing.kind == "stopped":
            firing.lines_since += bool(closed.lines)
            return template in closed.lines if template else self._most_come_again(firing, closed)
        return closed.at - firing.last >= QUIET_MS[firing.kind]

    def _most_come_again(self, firing: Firing, closed: Closed) -> bool:
        coming = {self.stream.miner.text(template) for template in closed.lines}
        return 2 * sum(text in coming for text in firing.affected) >= len(firing.affected)

    def serialised(self) -> bytes:
        """All that was learnt and what fires."""
        state = {
            "watch": self.watch,
            "labels": self.labels,
            "heard_at": self.last_seen,
            "stream": self.stream.state(),
            "firing": list(self.firing.values()),
            "told": self._raised,
            "source": self.source,
            "held": self._held,
        }
        return msgspec.msgpack.encode(state)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the decoded fields of :meth:`serialised`."""
        self.last_seen = state["heard_at"]
        self.stream.restore(state["stream"])
        self.firing = {firing.fingerprint: firing for firing in msgspec.convert(state["firing"], list[Firing])}
        self._raised = {name: [(at, size) for at, size in raised] for name, raised in state["told"].items()}
        self.source = state.get("source", "")
        self._held = msgspec.convert(state.get("held", []), list[Held])
        self.pause = int(1000 * self.stream.shortest_pause())
