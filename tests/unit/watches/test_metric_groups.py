"""How a group is compared with itself, and how many of its members come."""

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
