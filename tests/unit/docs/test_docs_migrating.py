"""What docs/migrating.md tells those who come from other tools to write is valid."""

import re
from pathlib import Path

import pytest

from bot.commands.parts.alertmanager import imported
from bot.config import load_config

PAGE = (Path(__file__).parents[3] / "docs" / "migrating.md").read_text()
ALERTMANAGER, *OURS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", OURS)
def test_what_is_for_tandem_yaml_is_valid(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tandem.yaml"
    path.write_text(text)
    config, _ = load_config(path)
    assert config.routes or config.escalations


def test_the_route_to_tandem_itself_is_no_route_of_tandem(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(ALERTMANAGER + "  - {name: default, slack_configs: [{channel: '#alerts'}]}\n")
    made = imported(path)
    (tmp_path / "tandem.yaml").write_text(made.text)
    config, _ = load_config(tmp_path / "tandem.yaml")
    assert (config.slack.channel, config.routes) == ("#alerts", [])
    assert not [note for note in made.notes if "webhook" in note]
