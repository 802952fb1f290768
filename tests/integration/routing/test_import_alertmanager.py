"""``tandem import``: Alertmanager's own program and the tandem.yaml that is made of its file agree."""

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.commands.registry import assemble
from bot.config import load_config
from bot.domain.routing.decision import Facts
from bot.routing.compiled import Routes

FILE = Path(__file__).with_name("alertmanager.yml")
AMTOOL = shutil.which("amtool")
CHANNELS = {"default": "#alerts", "null": "#alerts"}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(assemble(), list(arguments))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    result = run("import", str(FILE))
    assert result.exit_code == 0
    path = tmp_path / "tandem.yaml"
    path.write_text(result.stdout)
    return path


def routes_of(path: Path) -> Routes:
    return load_config(path)[0].compiled_routes()


def test_what_is_written_is_a_valid_tandem_yaml(made: Path) -> None:
    result = run("check", "--config", str(made))
    assert (result.exit_code, "valid" in result.stdout) == (0, True)
    assert result.stdout.count("can never match") == 1, "that of the severity nobody knows"


@pytest.mark.skipif(AMTOOL is None, reason="amtool is not installed here")
@pytest.mark.parametrize(
    "labels",
    [
        {"alertname": "Watchdog", "env": "prod"},
        {"alertname": "Other"},
        {"env": "prod"},
        {"env": "prod", "alertname": "BackupFailed"},
        {"env": "prod", "alertname": "DiskFull"},
        {"env": "prod", "alertname": "DiskFull", "size": "small"},
        {"env": "prod", "alertname": "DiskFull", "team": "shop", "region": "eu"},
        {"env": "prod", "team": "shop", "level": "page"},
        {"env": "test", "team": "shop"},
        {"team": "shop"},
        {"team": "shop", "level": "page"},
        {"team": "shop", "level": "page", "region": "eu"},
        {"team": "Data Platform"},
    ],
    ids=str,
)
def test_incidents_go_where_alertmanager_itself_sends_their_alerts(made: Path, labels: dict[str, str]) -> None:
    named = [f"{label}={value}" for label, value in labels.items()]
    command = [str(AMTOOL), "config", "routes", "test", f"--config.file={FILE}", *named]
    receivers = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split(",")
    channels = tuple(CHANNELS.get(name, f"#{name}") for name in receivers)
    assert routes_of(made).decide(Facts(labels=labels)).channels == channels


def test_pagers_become_escalations_and_groups_that_a_text_mentions_are_mentioned(made: Path) -> None:
    config, _ = load_config(made)
    pager = routes_of(made).decide(Facts(labels={"team": "shop", "level": "page"}))
    assert (pager.escalation, pager.team) == ("shop-pager", "shop")
    assert config.escalations["shop-pager"].steps[0].pagerduty is not None
    opsgenie = config.escalations["shop-eu"].steps[0].opsgenie
    assert opsgenie is not None
    assert opsgenie.url == "https://api.eu.opsgenie.com/v2/alerts"
    storage = routes_of(made).decide(Facts(labels={"env": "prod", "alertname": "DiskFull"}))
    assert [target.mention for target in storage.targets] == [("S0STORAGE",)], "no other channel"
    assert list(config.teams) == ["shop", "data-platform"]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("inhibit_rules:", "inhibit_rules: not carried over"),
        ("email_configs", "email has no counterpart"),
        ("responders", "responders are not sent"),
        ("hOoKsEcReT", "webhook is not carried over"),
        ("<!here>", "<!here> is mentioned by nobody"),
        ("kEySeCrEt", "set TANDEM_SECRET_SHOP_PAGER_PAGERDUTY to its routing_key"),
        ('severity="purple"', "say how severe purple is"),
        ("match: {level: page}", "muted during weekends"),
        ("match: {level: page}", "has the escalation shop-pager alone, and not shop-eu"),
        ('alertname="Watchdog"', "receiver null notifies nobody"),
    ],
)
def test_what_is_not_carried_over_is_named_with_its_line(written: str, words: str) -> None:
    line = next(i for i, text in enumerate(FILE.read_text().splitlines(), start=1) if written in text)
    [note] = [one for one in run("import", str(FILE)).stderr.splitlines() if words in one]
    assert note.startswith(f"{FILE}:{line}: ")


def test_no_secret_is_written() -> None:
    result = run("import", str(FILE))
    for secret in ("sEcReT", "kEySeCrEt", "oPsSeCrEt", "hOoKsEcReT"):
        assert secret not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a", "must be a mapping"),
        ("receivers: []", "no configuration of Alertmanager"),
        ("route: {receiver: a, routes: [{receiver: b}]}\nreceivers: [{name: a}]", "there is no receiver 'b'"),
        (
            "route: {receiver: a, routes: [{matchers: [a~b]}]}\nreceivers: [{name: a}]",
            "bad.yml:1: route.routes.0.matchers.0",
        ),
        ("route: &a {receiver: a, routes: [*a]}\nreceivers: [{name: a}]", "below each other"),
        ("route: {", "no valid YAML"),
    ],
)
def test_a_file_that_cannot_be_read_so_is_refused_with_the_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.yml"
    path.write_text(text)
    result = run("import", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_plain_words_mean_what_they_mean_in_alertmanager(tmp_path: Path) -> None:
    path = tmp_path / "words.yml"
    path.write_text(
        "x: &shop {match: {code: 010, on: yes}}\n"
        "route:\n  receiver: a\n  routes:\n    - {<<: *shop, continue: yes, receiver: b}\n"
        "    - {object_matchers: [[team, '=~', 'shop|web']], receiver: 'b # y\\n- evil'}\n"
        "receivers: [{name: a}, {name: b, slack_configs: [{channel: '#b'}]},\n"
        "  {name: 'b # y\\n- evil', slack_configs: [{channel: '{{ .x }}'}, {channel: '@ann'}, {}]}]\n"
    )
    result = run("import", str(path))
    assert result.exit_code == 0, result.stderr
    made = tmp_path / "tandem.yaml"
    made.write_text(result.stdout)
    config, _ = load_config(made)
    assert [(one.match, one.channel, one.goes_on) for one in config.routes] == [
        (['code="010"', 'on="yes"'], "#b", True),
        (['team=~"shop|web"'], None, False),
    ]
