"""What docs/migrating.md tells those who come from other tools to write is valid."""

import re
import shlex
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.commands.parts.alertmanager import imported
from bot.commands.registry import assemble
from bot.config import load_config

PAGE = (Path(__file__).parents[3] / "docs" / "migrating.md").read_text()
BLOCKS = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [
    shlex.split(line, comments=True)
    for kind, block in BLOCKS
    for line in block.splitlines()
    if not kind and line.strip()
]
REST = "  - {name: default, slack_configs: [{channel: '#alerts'}]}\n"
ALERTMANAGER, *OURS = [textwrap.dedent(block) for kind, block in BLOCKS if kind == "yaml"]


@pytest.mark.parametrize("text", OURS)
def test_what_is_for_tandem_yaml_is_valid(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tandem.yaml"
    path.write_text(text)
    config, _ = load_config(path)
    assert config.routes or config.escalations


def test_the_route_to_tandem_itself_is_no_route_of_tandem(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(ALERTMANAGER + REST)
    made = imported(path)
    (tmp_path / "tandem.yaml").write_text(made.text)
    config, _ = load_config(tmp_path / "tandem.yaml")
    assert (config.slack.channel, config.routes) == ("#alerts", [])
    assert not [note for note in made.notes if "webhook" in note]


def test_the_half_hour_can_be_typed_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for what needs Slack and a running Alertmanager; the trial's labels are those of the route that it shows."""
    monkeypatch.chdir(tmp_path)
    for name in ("SHOP_CALENDAR", "PD_ROUTING_KEY"):
        monkeypatch.delenv(f"TANDEM_SECRET_{name}", raising=False)
    (tmp_path / "alertmanager.yml").write_text(ALERTMANAGER + REST)
    typed = [words for words in COMMANDS if words[0] == "tandem" and words[1] not in ("run", "doctor")]
    assert [words[1] for words in typed] == ["import", "check", "routes"]
    [trial] = [words for words in COMMANDS if words[:1] == ["amtool"] and "add" in words]

    made = _typed(*typed[0][: typed[0].index(">")])
    (tmp_path / "tandem.yaml").write_text(made)
    assert "valid" in _typed(*typed[1])
    (tmp_path / "tandem.yaml").write_text(OURS[0])
    doubts = _typed(*typed[1])
    assert "TANDEM_SECRET_SHOP_CALENDAR is not set here" in doubts
    assert "TANDEM_SECRET_PD_ROUTING_KEY is not set here" in doubts
    monkeypatch.setenv("TANDEM_SECRET_SHOP_CALENDAR", "https://calendar.example/shop.ics")
    monkeypatch.setenv("TANDEM_SECRET_PD_ROUTING_KEY", "a-key")
    assert "warning" not in _typed(*typed[1])
    labels = dict(pair.split("=", 1) for pair in typed[2][-1].split(","))
    assert labels.items() <= {pair.partition("=")[::2] for pair in trial if "=" in pair and not pair.startswith("-")}
    shown = _typed(*typed[2])
    assert "→ channel #shop-incidents" in shown
    assert "→ escalation shop" in shown


def _typed(program: str, *arguments: str) -> str:
    result = CliRunner().invoke(assemble(), list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not installed here")
def test_alertmanager_takes_the_receiver_and_sends_both_ways(tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yml").write_text(ALERTMANAGER + "  - name: default\n")
    [routed] = [words for words in COMMANDS if words[:3] == ["amtool", "config", "routes"]]
    for words in (["amtool", "check-config", "alertmanager.yml"], routed):
        ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["tandem"], "and the routes behind it, where there are any"
