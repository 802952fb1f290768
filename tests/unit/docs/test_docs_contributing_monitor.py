"""The monitor kind that CONTRIBUTING.md writes as an example is one, and passes the test that it gives for it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.config import load_config
from bot.domain.watched.monitor import WatchedModel
from bot.errors import ConfigError
from bot.watches.models.kinds import registry
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped
from bot.watches.models.window import Table, Window

TEXT = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("## Add a monitor kind\n")[2].partition("\n## ")[0]
KIND, TEST = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
GIVEN = {"np": np, "CheckInput": CheckInput, "Table": Table, "WatchedModel": WatchedModel, "Window": Window}


@pytest.fixture
def volume(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """The example's module, registered for this test only."""
    monkeypatch.setattr(registry, "_known", dict(registry.all_kinds()))
    module: dict[str, Any] = {"__name__": "bot.watches.models.kinds.volume"}
    exec(compile(KIND, "bot/watches/models/kinds/volume.py", "exec"), module)
    return module


def test_the_example_is_a_kind_that_passes_its_own_test(volume: Mapping[str, Any]) -> None:
    assert registry.all_kinds()["volume"].alertname == "ModelVolume"
    module = {**GIVEN, "check": volume["check"], "VolumeRules": volume["VolumeRules"]}
    exec(compile(TEST, "tests/unit/watches/test_volume.py", "exec"), module)
    [test] = [value for name, value in module.items() if name.startswith("test_")]
    test()
    with pytest.raises(CheckSkipped):
        volume["check"](None, CheckInput(WatchedModel(), b"", Window(Table(3, {})), None))


@pytest.mark.parametrize(
    "monitor, error",
    [
        ("{kind: volume, at_lest: 3}", "at_lest: is no known key; did you mean 'at_least'?"),
        ("{kind: volume, at_least: 0}", ":3: models.m.monitors.0.at_least: Input should be greater than"),
        ("{kind: volum, at_least: 3}", "did you mean 'volume'?"),
        ("{kind: drift, at_least: 3}", "at_least is for monitors of kind volume, and this one is of kind drift"),
        ("{kind: volume, at_least: 3, metric: mae}", "metric is for monitors of performance"),
        ("{at_least: 3}", ":3: models.m.monitors.0.kind: Field required"),
    ],
)
def test_tandem_yaml_is_validated_with_the_keys_of_the_kind(
    volume: Mapping[str, Any], tmp_path: Path, monitor: str, error: str
) -> None:
    file = tmp_path / "tandem.yaml"
    file.write_text(f"models:\n  m:\n    monitors: [{monitor}]\n")
    with pytest.raises(ConfigError) as refused:
        load_config(file)
    assert error in str(refused.value)


def test_tandem_yaml_may_have_monitors_of_the_kind(volume: Mapping[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "tandem.yaml"
    file.write_text("models: {m: {monitors: [{kind: volume, at_least: 3, severity: high}]}}\n")
    config, _ = load_config(file)
    [rules] = config.models["m"].monitors
    assert isinstance(rules, volume["VolumeRules"]) and rules.model_dump()["at_least"] == 3
