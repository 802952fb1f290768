"""What of a partition differs from its snapshots: when it is due, and up to where everything is in them."""

from hypothesis import given
from hypothesis import strategies as st

from bot.watches.snapshots import URGENT, Changes

NAMES = st.sampled_from("abcdef")
STEPS = st.lists(
    st.tuples(st.just("add"), NAMES, st.sampled_from([URGENT, 10.0, 60.0]))
    | st.tuples(st.just("remove"), NAMES, st.just(0.0))
    | st.tuples(st.just("save"), st.just(""), st.sampled_from([0.0, 10.0, 60.0, 100.0])),
    max_size=40,
)


@given(STEPS)
def test_the_mark_is_behind_every_change_that_is_not_saved_and_nothing_is_due_twice(
    steps: list[tuple[str, str, float]],
) -> None:
    changes, unsaved = Changes(), dict[str, tuple[int, float]]()
    for position, (step, name, at) in enumerate(steps, start=1):
        if step == "add":
            changes.add(name, position - 1, at)
            since, due = unsaved.get(name, (position - 1, at))
            unsaved[name] = since, min(due, at)
        elif step == "remove":
            changes.remove(name)
            unsaved.pop(name, None)
            assert name in changes.removed
        else:
            due_now = changes.take_due(at, most=100)
            assert sorted(due_now) == sorted(name for name, (_, due) in unsaved.items() if due <= at)
            unsaved = {name: one for name, one in unsaved.items() if name not in due_now}
        assert changes.mark(position) == min((since for since, _ in unsaved.values()), default=position)
        assert not changes.removed & unsaved.keys()


def test_what_is_urgent_is_due_beyond_the_bound_and_the_rest_waits_its_turn() -> None:
    changes = Changes()
    for n in range(5):
        changes.add(f"urgent{n}", n)
    for n in range(5):
        changes.add(f"calm{n}", 5 + n, due=10.0 + n)
    assert len(changes.take_due(100.0, most=3)) == 5
    assert changes.take_due(100.0, most=3) == ["calm0", "calm1", "calm2"]
    assert changes.mark(10) == 8
