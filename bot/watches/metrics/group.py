"""A group of watched series: what it has learnt, when it fires, and when it is normal again."""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import msgspec

from bot.domain.event import bounded, fingerprint_of
from bot.domain.watched.measured import is_more_failure
from detectors.groups import Evidence, Outlier, outliers
from detectors.groups.member import Clock, Member

INSTANCE_LABELS = (
    *("instance", "pod", "worker", "replica", "host", "hostname", "node", "pod_name", "container_id"),
    *("host_name", "host_id", "service_instance_id"),
    *("k8s_pod_name", "k8s_pod_uid", "k8s_pod_ip", "k8s_node_name", "k8s_node_uid"),
)
"""Labels that tell members apart which should be alike."""
MOST_PEERS = 2000
"""Of more members that should be alike, those that came first are compared: a look is not to hold up others."""
_LOOK_AT_PEERS = 60.0
_LOOKS = 5
"""So many looks in a row have to agree that a member differs, or that it no longer does."""
_RECENT = 9
_STALE = 300.0
_MOST_SETTLED = 2
_USUAL_FADES_IN = 3600.0
_SETTLED_AT_ONCE = 50
REPORTED_WITHIN = 1800.0
"""Seconds within which a change before an alert, or reported after it, may be its reason."""


class Reason(msgspec.Struct, array_like=True, frozen=True):
    """The change since which a group is off its course: in words, and when, in seconds since the epoch."""

    change: str
    at: float


class Firing(msgspec.Struct, array_like=True):
    """``since`` in seconds since the epoch; ``reported``: of how many members the alert is, 0 before it is raised.

    ``good_since``: the data is good since then, and the alert waits to be sure of it; 0 while it is not. ``reason``:
    the change that came just before; ``settled``: members whose new level was learnt as usual since.
    """

    since: float
    threshold: float = 0.0
    reported: int = 0
    good_since: float = 0.0
    reason: Reason | None = None
    settled: int = 0

    def may_have_reason(self, now: float) -> bool:
        return self.reason is not None or now - self.since <= REPORTED_WITHIN

    def note(self, good: bool, now: float) -> bool:
        """Note whether the data is good; whether that is new."""
        if good == bool(self.good_since):
            return False
        self.good_since = now if good else 0.0
        return True


class _Settled(NamedTuple):
    """Since when no member comes and none may be missed yet, and how many are missed."""

    at: float
    silent: int


class GroupState(msgspec.Struct, array_like=True):
    """What is kept of a group over restarts, beside its members. ``differing`` counts looks by member."""

    watch: str
    labels: dict[str, str]
    evidence: Evidence = msgspec.field(default_factory=Evidence)
    off_course: Firing | None = None
    unlike_peers: Firing | None = None
    missing: Firing | None = None
    differing: dict[str, int] = {}
    looked_at: float = 0.0
    usual: float = 0.0
    counted_at: float = 0.0


class Group:
    """``members`` by the fingerprint of their labels."""

    def __init__(self, state: GroupState) -> None:
        self.state = state
        self.name = group_name(state.watch, state.labels)
        self.members: dict[str, Member] = {}
        self.outliers: dict[str, Outlier] = {}
        self.senders: list[str] = []
        self.alike_now = False
        self.last_seen = 0.0
        self._oldest = 0.0
        self._settled: dict[float, _Settled] = {}
        self._turn = 0
        self._alike: dict[str, dict[str, Member]] = {}

    @property
    def text(self) -> str:
        """What its alerts call it."""
        labels = (f"{name}={value}" for name, value in sorted(self.state.labels.items()))
        return bounded(" ".join([self.state.watch, *labels]))

    def join(self, name: str, member: Member) -> None:
        self.came(member.last_seen)
        self._oldest = min(self._oldest, member.last_seen)
        self.members[name] = member
        self._alike.setdefault(_likeness(member), {})[name] = member

    def leave(self, name: str) -> None:
        self._settled.clear()
        member = self.members.pop(name)
        alike = self._alike[_likeness(member)]
        del alike[name]
        if not alike:
            del self._alike[_likeness(member)]
        self.state.differing.pop(name, None)

    def came(self, received: float) -> None:
        """Samples of a member came."""
        self.last_seen = max(self.last_seen, received)
        self._settled.clear()

    def presence(self, now: float, since: float) -> tuple[int, int]:
        """How many members come, and how many should and do not. What was before ``since`` does not count.

        Members of which nothing can change until one of them comes are not looked at again: those that are idle cost
        nothing, however many they are. One that came too seldom to be missed never is.
        """
        settled = self._settled.get(since)
        if settled is not None and now >= settled.at:
            return 0, settled.silent
        live = silent = 0
        for member in self.members.values():
            if member.silent_for(now, since) is not None:
                silent += 1
            elif member.is_live(now, since):
                live += 1
        if not live:
            if len(self._settled) >= _MOST_SETTLED:
                self._settled.clear()
            self._settled[since] = _Settled(now, silent)
        return live, silent

    def silent_since_before(self, moment: float) -> list[str]:
        """The members of which nothing came since a moment."""
        if self._oldest >= moment:
            return []
        self._oldest = min((member.last_seen for member in self.members.values()), default=moment)
        return [name for name, member in self.members.items() if member.last_seen < moment]

    def note(self, name: str, at: float, rarity: float, span: float, may_fire: bool = True) -> None:
        """A member surprises. ``span`` in seconds: no more than one false alarm in it."""
        state, member = self.state, self.members[name]
        state.evidence.add(name, at, rarity, span, goes_on=state.off_course is not None)
        if state.off_course is not None:
            if member.off is None:
                member.go_off(at, rarity)
            if state.off_course.may_have_reason(at):
                member.keep_before()
        elif may_fire and state.evidence.exceeds(at, span):
            state.off_course = Firing(at, state.evidence.tail.threshold(at, span))
            self._mark_off(at)
            for one in self.members.values():
                one.keep_before()

    def note_again(self, name: str, at: float) -> None:
        """A member surprises that is learnt again, in a group that knows it already."""
        firing = self.state.off_course
        if firing is not None and firing.may_have_reason(at):
            self.members[name].keep_before()

    def off(self) -> dict[str, Member]:
        """The members that are off their course, the rarest first."""
        found = [(member.off.rarity, name, member) for name, member in self.members.items() if member.off]
        return {name: member for _, name, member in sorted(found, key=lambda one: (-one[0], one[1]))}

    def is_on_course_again(self) -> bool:
        """Whether what is still off is less than half of what it took to fire."""
        firing = self.state.off_course
        standing = sum(member.off.rarity for member in self.members.values() if member.off)
        return firing is not None and standing < firing.threshold / 2

    def has_good_data(self) -> bool:
        """Whether, by the last sample of each, what is off its course is less than half of what it took to fire."""
        firing = self.state.off_course
        outside = sum(member.off.rarity for member in self.members.values() if member.off and not member.off.back)
        return firing is not None and outside < firing.threshold / 2

    def settle(self, after: float, clock: Clock) -> list[str]:
        """Learn the levels that have held for ``after`` seconds since a change; returns the names of their members.

        What fails more than before is no new normal, whatever came with it.
        """
        firing, settled = self.state.off_course, []
        if firing is None or firing.reason is None:
            return []
        for name in self._to_settle(after):
            member = self.members[name]
            shift = member.shift(clock)
            if shift and shift.held and not is_more_failure(member.labels, shift.goes_up):
                member.settle(shift)
                settled.append(name)
        firing.settled += len(settled)
        return settled

    def _to_settle(self, after: float) -> list[str]:
        """Those to look at now, in turn: each is some work, and none is to hold up others."""
        waiting = [
            name
            for name, one in self.members.items()
            if one.off and one.off.before and one.recent.last_at() - one.off.since >= after
        ]
        begin = self._turn % len(waiting) if waiting else 0
        self._turn += _SETTLED_AT_ONCE
        return [*waiting[begin:], *waiting[:begin]][:_SETTLED_AT_ONCE]

    def look_at_peers(self, at: float) -> bool:
        """Compare the members with each other, at most once a minute; whether that was done now."""
        if at < self.state.looked_at + _LOOK_AT_PEERS:
            return False
        self.state.looked_at = at
        found = {one.name: one for alike in self._alike.values() for one in _outliers_of(alike, at)}
        self.alike_now = not found
        known = self.state.differing
        for name in {**known, **found}:
            step = 1 if name in found else -1
            looks = min(max(known.get(name, 0) + step, 0), _LOOKS)
            known[name] = looks
            if not looks:
                del known[name]
        self.outliers = {name: one for name, one in {**self.outliers, **found}.items() if name in known}
        return True

    def is_unlike_peers(self) -> bool:
        """Whether a member has differed for long enough; while the alert fires, until none has for as long."""
        if self.state.unlike_peers is not None:
            return bool(self.state.differing)
        return _LOOKS in self.state.differing.values()

    def unlike(self) -> dict[str, Outlier]:
        """The members that have differed from their peers for long enough, the furthest first."""
        looks = self.state.differing
        if _LOOKS not in looks.values():
            return dict(self.outliers)
        return {name: one for name, one in self.outliers.items() if looks.get(name) == _LOOKS}

    def count(self, live: int, silent: int, now: float) -> None:
        """Judge how many regular members still come, ``now`` in seconds since the epoch.

        Of members that are replaced by others as many come as before; fewer than half of what is usual is a finding.
        What is usual fades within the hour.
        """
        state = self.state
        if state.missing is not None:
            if live > state.usual / 2:
                state.missing = None
        elif silent and live < state.usual / 2:
            state.missing = Firing(now, reported=silent)
        else:
            faded = min(1.0, max(0.0, now - state.counted_at) / _USUAL_FADES_IN)
            state.usual = max(float(live), state.usual + (live - state.usual) * faded)
        state.counted_at = now

    def _mark_off(self, at: float) -> None:
        for name, rarity in self.state.evidence.surprised(at).items():
            member = self.members.get(name)
            if member is not None and member.off is None:
                member.go_off(at, rarity)


def group_name(watch: str, labels: dict[str, str]) -> str:
    return fingerprint_of({"": watch, **labels})


def _likeness(member: Member) -> str:
    return fingerprint_of({name: value for name, value in member.labels.items() if name not in INSTANCE_LABELS})


def _outliers_of(alike: dict[str, Member], at: float) -> Iterable[Outlier]:
    fresh = dict(islice(((name, member) for name, member in alike.items() if _is_fresh(member, at)), MOST_PEERS))
    values = {name: member.recent.middle(_RECENT) for name, member in fresh.items()}
    if len(values) < 2:
        return []
    moves = sorted(high - low for low, high in (member.recent.range(_RECENT) for member in fresh.values()))
    return outliers(values, noise=moves[len(moves) // 2])


def _is_fresh(member: Member, at: float) -> bool:
    if member.count < _RECENT:
        return False
    durations = member.ensemble.gaps.intervals.durations
    return at - member.recent.last_at() <= max(_STALE, 2 * durations[-1] if durations else 0.0)
