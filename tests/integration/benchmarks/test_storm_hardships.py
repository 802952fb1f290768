"""What the storm benchmark's hardships do to a storm, and that a storm is the load of one partition."""

from datetime import timedelta
from random import Random

from bot.inbox.intake import entries_for
from tests.benchmarks.storm.alerts import BEGIN, make_storm
from tests.benchmarks.storm.hardships import APART, LATE, clocks_apart, late_alerts, wrong_topology
from tests.integration.benchmarks.test_storm_benchmark import CATALOGUE

STORM = make_storm(CATALOGUE, 60, 7, apart=False)


def test_of_a_wrong_topology_a_fifth_is_missing_and_a_fifth_is_false() -> None:
    before, after = (
        {(name, other) for name, others in storm.world.known.items() for other in others}
        for storm in (STORM, wrong_topology(STORM, Random(1)))
    )
    true = {(name, other) for name, others in STORM.world.depends_on.items() for other in others}
    assert len(before - after) == len(after - before) == round(len(before) / 5)
    assert not (after - before) & true


def test_clocks_are_apart_by_a_minute_from_sender_to_sender() -> None:
    pairs = zip(STORM.sent, clocks_apart(STORM, Random(1)).sent, strict=True)
    moved = {(one.event.source, other.event.starts_at - one.event.starts_at) for one, other in pairs}
    assert len(moved) == len({source for source, _ in moved}) > 1
    assert {by for _, by in moved} == {timedelta(), timedelta(seconds=APART)}


def test_late_alerts_come_ten_minutes_late_and_say_when_they_began() -> None:
    late = late_alerts(STORM, Random(1)).sent
    assert [one.arrives for one in late] == sorted(one.arrives for one in late)
    first = {one.alert: one.arrives for one in reversed(STORM.sent)}
    delays = {one.alert: round(one.arrives - first[one.alert]) for one in reversed(late)}
    assert set(delays.values()) == {0, round(LATE)}
    assert sum(map(bool, delays.values())) == round(len(delays) / 5)
    assert {id(one.event) for one in late} == {id(one.event) for one in STORM.sent}


def test_all_of_a_storm_is_the_load_of_one_partition() -> None:
    entries = entries_for([one.event for one in STORM.sent], "alertmanager", BEGIN, ["cluster"], 16)
    assert len({entry.partition for entry in entries}) == 1
