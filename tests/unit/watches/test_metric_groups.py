"""How a group is compared with itself, and how many of its members come."""

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.watches.metrics.group import Group, GroupState
from detectors.groups.member import Member

BEGIN = 1_000_000.0


def workers(count: int = 10) -> Group:
    group = Group(GroupState("load", {"job": "workers"}))
    for n in range(count):
        group.join(str(n), Member.of({"__name__": "load", "instance": str(n)}, counter=False))
    return group


def minute(group: Group, at: float, odd: float) -> None:
    for n, member in enumerate(group.members.values()):
        member.update(at, odd if n == 3 else 10.0 + n % 3)
    group.look_at_peers(at)


def test_a_member_has_to_differ_in_five_looks_and_be_alike_in_five_before_that_is_over() -> None:
    group = workers()
    for look in range(9):
        minute(group, BEGIN + 60 * look, odd=11.0)
    for look in range(9):  # the median of the last nine values follows after five
        minute(group, BEGIN + 60 * (9 + look), odd=50.0)
        assert group.is_unlike_peers() == (look >= 8)
    assert [one.name for one in group.unlike().values()] == ["3"]


def test_labels_other_than_the_instance_make_no_peers() -> None:
    group = Group(GroupState("load", {}))
    for n in range(10):
        group.join(str(n), Member.of({"__name__": "load", "queue": str(n)}, counter=False))
    for look in range(30):
        minute(group, BEGIN + 60 * look, odd=500.0)
    assert not group.is_unlike_peers()


def test_fewer_than_half_of_what_is_usual_is_missed_until_more_come_again() -> None:
    group = workers()
    told = []
    for at, (live, silent) in enumerate([(10, 0), (6, 4), (4, 6), (0, 10), (4, 6), (6, 4), (10, 0)]):
        group.count(live, silent, BEGIN + 15 * at)
        told.append(group.state.missing is not None)
    assert told == [False, False, True, True, True, False, False]


def test_a_service_that_is_scaled_in_slowly_is_not_missed() -> None:
    group = workers()
    for at in range(600):
        live = max(1, 10 - at // 60)
        group.count(live, 10 - live, BEGIN + 60 * at)
        assert group.state.missing is None or live < 3


class Meeting(NamedTuple):
    """What happens to one of some members: its next sample, or nothing for so many seconds."""

    member: int
    seconds: float
    comes: bool


_MEETINGS = st.lists(
    st.builds(Meeting, st.integers(0, 3), st.sampled_from([5.0, 60.0, 130.0, 400.0, 4000.0]), st.booleans()),
    max_size=60,
)


@given(_MEETINGS, st.sampled_from([0.0, 600.0]))
@settings(max_examples=60, deadline=None)
def test_members_that_are_not_looked_at_again_are_counted_as_if_they_were(
    meetings: list[Meeting], since: float
) -> None:
    """Some come each minute at first, so that they are missed later; others come as they please."""
    group = _idle_group(members=4, regular=2)
    now = max(member.last_seen for member in group.members.values())
    for meeting in meetings:
        now += meeting.seconds
        name = list(group.members)[meeting.member]
        if meeting.comes:
            _come(group, name, now)
        for moment in (now, now - 100.0):
            everyone = group.members.values()
            silent = sum(member.silent_for(moment, since) is not None for member in everyone)
            live = sum(member.is_live(moment, since) for member in everyone)
            assert group.presence(moment, since) == (live, silent)
        assert set(group.silent_since_before(now - 3000.0)) == {
            name for name, member in group.members.items() if member.last_seen < now - 3000.0
        }


@pytest.mark.parametrize(("samples", "missed"), [(40, 200), (5, 0), (2, 0)])
def test_members_that_are_idle_are_looked_at_once(samples: int, missed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a few samples are never missed, for nobody knows how often they come."""
    group = _idle_group(members=200, regular=200, samples=samples)
    looks = 0
    look = Member.silent_for

    def counted(member: Member, now: float, since: float) -> float | None:
        nonlocal looks
        looks += 1
        return look(member, now, since)

    monkeypatch.setattr(Member, "silent_for", counted)
    now = group.last_seen + 4000.0
    for tick in range(100):
        assert group.presence(now + 15 * tick, 0.0) == (0, missed)
    assert looks == 200
    _come(group, "0", now + 1500.0)
    assert group.presence(now + 1500.0, 0.0) == (1, max(missed - 1, 0))


def _idle_group(members: int, regular: int, samples: int = 40) -> Group:
    group = Group(GroupState("load", {}))
    for number in range(members):
        group.join(str(number), Member.of({"pod": str(number)}, counter=False))
        for minute in range(samples if number < regular else 1):
            _come(group, str(number), 60.0 * (minute + 1))
    return group


def _come(group: Group, name: str, at: float) -> None:
    member = group.members[name]
    member.update(at, 1.0)
    member.last_seen = max(at, member.last_seen)
    group.came(at)
