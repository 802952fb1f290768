"""Proposed settings as patches: only the value changes, on the right line, and other files stay as they are."""

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from bot.config.load import load_config
from bot.config.patches import Patch
from bot.domain.noise import Noise, Proposal, Setting

RULES = """# of the shop
groups:
  - name: shop
    rules:
      - record: job:up
        expr: up
      - alert: Slow   # p99
        expr: latency > 1
        for: 5m
        labels: {severity: page}
      - alert: Down
        expr: up == 0
      - {alert: Short, expr: a > 1}
      - {alert: Odd, for: 90s, expr: b > 1}
"""


def noise(name: str, proposal: Proposal) -> Noise:
    return Noise(name, "cart", {}, None, 9, 0, 0, timedelta(minutes=1), 9, proposal=proposal)


def longer(name: str) -> Noise:
    return noise(name, Proposal(Setting.FOR, 8, 9, 0, more=timedelta(minutes=10)))


def patched(tmp_path: Path, one: Noise, config: str = "noise: {rules: ['rules/*.yaml']}\n") -> Patch:
    (tmp_path / "rules").mkdir(exist_ok=True)
    (tmp_path / "rules" / "shop.yaml").write_text(RULES)
    (tmp_path / "tandem.yaml").write_text(config)
    patch = load_config(tmp_path / "tandem.yaml")[0].patches.of(one)
    assert patch is not None
    return patch


@pytest.mark.parametrize(
    ("name", "line", "gone", "come"),
    [
        ("Slow", "@@ -6,7 +6,7 @@", "-        for: 5m", "+        for: 15m"),
        ("Down", "@@ -9,6 +9,7 @@", "", "+        for: 10m"),
        ("Short", "@@ -10,5 +10,5 @@", "-      - {alert: Short, expr", "+      - {for: 10m, alert: Short, expr"),
        ("Odd", "@@ -11,4 +11,4 @@", "-      - {alert: Odd, for: 90s", "+      - {alert: Odd, for: 11m30s"),
    ],
)  # fmt: skip
def test_the_wait_of_a_rule_is_raised_where_it_stands(
    tmp_path: Path, name: str, line: str, gone: str, come: str
) -> None:
    patch = patched(tmp_path, longer(name))
    assert patch.file == "rules/shop.yaml"
    assert patch.diff.startswith("--- a/rules/shop.yaml\n+++ b/rules/shop.yaml\n@@ ")
    assert line in patch.diff and gone in patch.diff and come in patch.diff
    changed = [one for one in patch.diff.splitlines()[2:] if one[0] in "+-"]
    assert len(changed) == 1 + bool(gone)


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs the program patch")
def test_a_patch_can_be_applied(tmp_path: Path) -> None:
    patch = patched(tmp_path, longer("Down"))
    subprocess.run(["patch", "-p1"], input=patch.diff, text=True, cwd=tmp_path, check=True, capture_output=True)
    rules = yaml.safe_load((tmp_path / "rules" / "shop.yaml").read_text())["groups"][0]["rules"]
    assert [one.get("for") for one in rules if one.get("alert") in ("Slow", "Down")] == ["5m", "10m"]


@pytest.mark.parametrize("name", ["Nobody", "up"])
def test_without_a_file_that_has_the_rule_it_is_said_what_to_change(tmp_path: Path, name: str) -> None:
    patch = patched(tmp_path, longer(name))
    assert (patch.file, patch.diff) == ("", "")
    assert f"raise the time that the rule {name} waits before it fires by 10m" in patch.how


@pytest.mark.parametrize(
    ("watch", "gone", "come"),
    [
        ("    latency: {match: ['a=b'], one_false_alarm_in: 3d}", "one_false_alarm_in: 3d", "one_false_alarm_in: 6d"),
        ("    latency: {match: ['a=b']}", "latency: {match", "latency: {one_false_alarm_in: 14d, match"),
        ("    latency:\n      match: ['a=b']\n      by: [service]", "", "+      one_false_alarm_in: 14d"),
    ],
)
def test_a_watch_is_made_rarer_in_tandem_yaml(tmp_path: Path, watch: str, gone: str, come: str) -> None:
    config = f"# mine\nmetrics:\n  watch:\n{watch}\n"
    rarer = noise("MetricAnomaly", Proposal(Setting.ONE_FALSE_ALARM_IN, 4, 9, 0, times=2.0, watch="latency"))
    patch = patched(tmp_path, rarer, config)
    assert patch.file == "tandem.yaml" and gone in patch.diff and come in patch.diff
    _, _, hunk, *lines = patch.diff.splitlines(keepends=True)
    begins = int(hunk.split()[1].partition(",")[0].removeprefix("-")) - 1
    kept = config.splitlines(keepends=True)[:begins]
    after = "".join([*kept, *(line[1:] for line in lines if line[0] in " +")])
    (tmp_path / "tandem.yaml").write_text(after)
    before = timedelta(days=3 if "3d" in watch else 7)
    assert load_config(tmp_path / "tandem.yaml")[0].metrics.watch["latency"].one_false_alarm_in == 2 * before


def test_what_cannot_be_read_is_no_patch_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "broken.yaml").write_text("groups: [")
    (tmp_path / "rules" / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert patched(tmp_path, longer("Slow")).file == "rules/shop.yaml"
