"""Monitor kinds: their states are kept under a digest that does not change while a monitor's rules do not."""

import sys
from collections.abc import Mapping
from subprocess import run
from typing import Any

import msgspec
import pytest

from bot.domain.watched.monitor import FeatureRules, WatchedModel
from bot.watches.models.job import key_of
from bot.watches.models.kinds import registry
from bot.watches.models.kinds.registry import rules_from
from bot.watches.models.memory import Memory, MonitorState
from bot.watches.snapshots import Changes


@pytest.mark.parametrize(
    "monitor, digest",
    [
        ({"kind": "quality", "fresh_within": "1h", "window": {"time": "5m"}}, "16b0876f05d5fc42"),
        (
            {"kind": "drift", "window": {"rows": 500}, "alpha": 0.01, "severity": "high", "name": "d"},
            "9b8b706bf339a968",
        ),
        ({"kind": "multivariate", "engine": "alibi"}, "f1b6bcf5c3182753"),
        ({"kind": "performance", "metric": "mae", "worse_by": 0.2, "slices": "auto"}, "f8767595b7a91a2a"),
        (
            {"kind": "performance", "metric": "ndcg", "group": "query", "minimum": 0.6, "slices": ["country"]},
            "1d49410530c1bc58",
        ),
        ({"kind": "estimated_performance", "metric": "f1"}, "0634fe699d2c145c"),
    ],
)
def test_the_digest_of_a_monitor_is_that_of_earlier_versions(monitor: Mapping[str, Any], digest: str) -> None:
    model = WatchedModel(features={"price": FeatureRules.model_validate({"kind": "numeric", "min": 0})})
    assert key_of(rules_from(monitor), model, None) == f":{digest}"


def test_a_key_of_another_kind_that_is_empty_is_passed_over_as_ever() -> None:
    assert rules_from({"kind": "drift", "metric": None, "engine": "tandem"}) == rules_from({"kind": "drift"})


def test_a_snapshot_of_an_earlier_version_is_read() -> None:
    stored = {"model": "m", "monitor": "drift", "packed": b"learnt", "said": "no drift", "checks": 3}
    memory = Memory(Changes())
    assert memory.restore("monitor:m\x1fdrift", msgspec.msgpack.encode(stored))
    state = memory.monitor("m", "drift")
    assert (state.blob, state.summary, state.checks) == (b"learnt", "no drift", 3)
    written = memory.serialise("monitor:m\x1fdrift")
    assert written is not None and msgspec.msgpack.decode(written).keys() >= stored.keys()
    assert msgspec.msgpack.decode(written, type=MonitorState) == state


def test_two_kinds_of_one_name_are_refused() -> None:
    assert "drift" in registry.all_kinds()
    with pytest.raises(ValueError, match="'drift'"):
        registry.monitor("drift", alertname="Other")(lambda rules, given: None)  # type: ignore[arg-type,return-value]


def test_the_rules_of_all_kinds_are_known_without_numpy() -> None:
    load = "from bot.watches.models.kinds.registry import all_kinds; import sys; all_kinds()"
    code = f"{load}; sys.exit('numpy' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
