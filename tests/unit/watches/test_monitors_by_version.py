"""The rows of a window by the version that predicted them, bounded, with alpha shared between the versions."""

import math
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from pydantic import ValidationError

from bot.domain.watched.monitor import WatchedModel
from bot.domain.watched.reference import ReferenceRules
from bot.watches.models.kinds.registry import rules_from
from bot.watches.models.memory import Memory, MonitorState
from bot.watches.models.versions.splitting import MOST, Part, parts_of, rules_of
from bot.watches.models.window import Table, Window
from bot.watches.snapshots import Changes
from handlers.slack.models import monitor_in_words


def window(*versions: object) -> Window:
    ids = np.array([f"r{at}" for at in range(len(versions))], dtype=object)
    table = Table(len(versions), {"price": np.arange(len(versions), dtype=float)}, ids)
    return Window(table._replace(versions=np.array(versions, dtype=object)), [*ids.tolist(), "r0"])


def test_rows_are_by_version_in_the_order_in_which_versions_come() -> None:
    parts = parts_of(window("b", "a", None, "b"), {}, judged=0).parts
    assert [(part.version, part.place, part.window.table.rows) for part in parts] == [
        ("b", 1, 2),
        ("a", 2, 1),
        ("", 3, 1),
    ]
    assert parts[0].window.table.features["price"].tolist() == [0, 3]
    assert parts[0].window.ids == ["r0", "r3", "r0"]


def test_a_version_of_any_text_has_a_name_that_can_be_kept() -> None:
    odd = ["x" * 5000, "x" * 5001, "a\x00b", "a\x1fb", "\ud800", "  7 "]
    names = [part.version for part in parts_of(window(*odd), {}, judged=0).parts]
    assert len(set(names)) == len(odd) and all(len(name) <= 100 and name.isprintable() for name in names)
    assert names[-1] == "7"


def test_versions_that_serve_stay_and_those_that_are_absent_give_way_the_longest_absent_first() -> None:
    states = {f"v{at}": MonitorState("m", "p", model_version=f"v{at}", place=at + 1) for at in range(MOST)}
    parts = parts_of(window("v0", "new", "newer"), states, judged=MOST)
    assert parts.ended == ["v1", "v2"] and parts.left_out == []
    assert [(part.version, part.place) for part in parts.parts] == [("v0", 1), ("new", MOST + 1), ("newer", MOST + 2)]
    crowded = parts_of(window(*states, "new"), states, judged=MOST)
    assert (crowded.ended, crowded.left_out, len(crowded.parts)) == ([], ["new"], MOST)


def test_the_versions_of_a_whole_life_share_alpha() -> None:
    rules = rules_from({"kind": "performance", "metric": "f1", "by": "version", "alpha": 0.05})
    shares = [rules_of(rules, Part("v", place, window("v"))).alpha for place in range(1, 5000)]
    assert shares[0] == pytest.approx(0.05 * 6 / math.pi**2) and sum(shares) <= 0.05


@pytest.mark.parametrize(
    "monitor, why",
    [
        ({"kind": "performance", "metric": "f1", "by": "week"}, "Input should be 'version'"),
        ({"kind": "drift", "by": "version", "engine": "alibi"}, "own engine"),
        ({"kind": "labels", "coverage_at_least": 0.1, "by": "version"}, "leave out by"),
    ],
)
def test_by_is_for_what_can_be_judged_by_version(monitor: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        rules_from(monitor)


@pytest.mark.parametrize("domain", ["", "eu", "a\x1fb"])
def test_the_states_of_versions_are_kept_apart_whatever_the_domain(domain: str) -> None:
    memory, changes = Memory(Changes()), Changes()
    for version in (None, "", "v1"):
        memory.monitor_changed(MonitorState("m", "p", version=str(version), domain=domain, model_version=version), 1)
    names = memory._changes.take_due(1, 10)
    again = Memory(changes)
    for name in names:
        state = memory.serialise(name)
        assert state is not None and again.restore(name, state)
    assert len(names) == 3 and again.monitors == memory.monitors
    assert again.versions_of("m", "p", domain).keys() == {"", "v1"}
    again.forget_monitor(again.monitor("m", "p", domain, "v1"))
    assert again.versions_of("m", "p", domain).keys() == {""} and len(changes.removed) == 1


def test_a_version_is_named_where_its_state_is_shown() -> None:
    at = datetime(2026, 3, 4, tzinfo=UTC)
    state = MonitorState("m", "p", model_version="<v2>", checked_at=at, firing_since=at, summary="f1 is 0.4")
    assert monitor_in_words("p", state).startswith("🔴 *p* of version &lt;v2&gt; f1 is 0.4")
    assert "of rows without version" in monitor_in_words("p", msgspec.structs.replace(state, model_version=""))
    assert "version" not in monitor_in_words("p", msgspec.structs.replace(state, model_version=None))


@pytest.mark.parametrize(
    "monitor, apart",
    [
        ({"kind": "drift"}, True),
        ({"kind": "drift", "engine": "alibi"}, False),
        ({"kind": "labels", "coverage_at_least": 0.1}, False),
    ],
)
def test_references_by_version_have_monitors_of_references_judge_versions_apart(
    monitor: dict[str, object], apart: bool
) -> None:
    rules = rules_from(monitor)
    assert WatchedModel(references=ReferenceRules(by=["version"])).judges_apart(rules) is apart
    assert not WatchedModel().judges_apart(rules)
