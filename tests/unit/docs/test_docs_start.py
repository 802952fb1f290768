"""What docs/start and README tell a newcomer to paste works."""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from bot.config import load_config
from bot.domain.event import AlertEvent
from handlers.http.endpoint import parse_delivery

ROOT = Path(__file__).parents[3]
ALERT = (ROOT / "docs" / "start" / "first-alert.md").read_text()
RUNBOOK = (ROOT / "docs" / "start" / "first-runbook.md").read_text()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_the_alert_that_is_sent_by_hand_is_one_that_can_be_resolved(status: str) -> None:
    [body] = re.findall(r"-d '(.*?)'", ALERT, re.DOTALL)
    [alert] = parse_delivery("alertmanager", body.replace('"firing"', f'"{status}"').encode(), NOON)
    assert isinstance(alert, AlertEvent)
    assert (alert.status, alert.labels["service"], alert.fingerprint) == (status, "checkout", "try-1")


def test_readme_and_the_page_give_alertmanager_the_same_short_times() -> None:
    pasted = [
        re.findall(r"```yaml\n(route:.*?)```", text, re.DOTALL) for text in (ALERT, (ROOT / "README.md").read_text())
    ]
    routes = [yaml.safe_load(block)["route"] for [block] in pasted]
    assert routes[0] == routes[1]
    assert (routes[0]["group_wait"], routes[0]["group_interval"]) == ("5s", "10s")


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not installed here")
def test_alertmanager_takes_the_configuration(tmp_path: Path) -> None:
    [block] = re.findall(r"```yaml\n(route:.*?)```", ALERT, re.DOTALL)
    file = tmp_path / "alertmanager.yml"
    file.write_text(block)
    ran = subprocess.run(["amtool", "check-config", str(file)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_first_runbook_is_valid(tmp_path: Path) -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", RUNBOOK, re.DOTALL)
    file = tmp_path / "tandem.yaml"
    file.write_text(block)
    config, warnings = load_config(file)
    assert (list(config.runbooks), warnings) == (["restart-payments"], [])
