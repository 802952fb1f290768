"""``routes`` and ``teams`` of tandem.yaml: errors name line, key and nearest right name, warnings what is in vain."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import cli
from bot.config import Config, load_config
from bot.errors import ConfigError

ROUTES = """\
teams:
  shop: {services: [checkout, "cart-*"], members: ["S0SHOPGRP", "U012AB3CD"]}
routes:
  - match: ['team="shop"', 'severity=~"critical|high"']
    channel: "#shop-incidents"
    mention: ["S0SHOPGRP", "U012AB3CD"]
    team: shop
  - {channel: "#incidents"}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tandem.yaml"


def loaded(path: Path, text: str) -> tuple[Config, list[str]]:
    path.write_text(text)
    config, warnings = load_config(path)
    return config, [line.removeprefix(f"{path}:") for line in warnings]


def refusal(path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        loaded(path, text)
    return str(refused.value).removeprefix(f"{path}:")


def test_routes_are_read(path: Path) -> None:
    config, warnings = loaded(path, ROUTES)
    assert config.compiled_routes().channels == ["#incidents", "#shop-incidents"]
    assert warnings == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("    team: shop", "    team: shp", "7: routes.0.team: there is no team 'shp'; did you mean 'shop'?"),
        ("    team: shop", "    escalation: x", "7: routes.0.escalation: there is no escalation 'x'"),
        ('"U012AB3CD"]\n', "{schedule: shop}]\n", "6: routes.0.mention.1.schedule: there is no schedule 'shop'"),
        ('"U012AB3CD"]\n', "everybody]\n", "6: routes.0.mention.1: 'everybody' is no Slack user id or user group id"),
        ("    channel", "    chanel", "5: routes.0.chanel: is no known key; did you mean 'channel'?"),
        ('"#shop-incidents"', "#shop", "5: routes.0.channel: is empty, as #shop without quotes is a comment"),
        ('"#shop-incidents"', '"my channel"', "5: routes.0.channel: write a channel's name, as in '#incidents'"),
        ("'team=\"shop\"'", "'team'", "4: routes.0.match.0: 'team' is no matcher: write label=value"),
        ("    team: shop", "    continues: true", "7: routes.0.continues: is no known key; did you mean 'continue'?"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(path: Path, old: str, new: str, line: str) -> None:
    assert refusal(path, ROUTES.replace(old, new)).startswith(line)


def test_a_route_that_can_never_match_is_a_warning(path: Path) -> None:
    shadowed = ROUTES + "  - {match: ['env=prod'], channel: \"#prod\"}\n"
    [warning] = loaded(path, shadowed)[1]
    assert warning.startswith("9: routes.2: this route can never match: routes.1 (line 8) takes whatever it would")
    [warning] = loaded(path, ROUTES.replace("critical|high", "worst"))[1]
    assert warning.startswith('4: routes.0.match: this route can never match: no incident fits severity=~"worst"')


def test_tandem_routes_says_which_route_takes_it_and_why(path: Path) -> None:
    loaded(path, ROUTES)
    answer = CliRunner().invoke(cli, ["routes", "--config", str(path), "--labels", "team=shop,severity=critical"])
    assert answer.exit_code == 0
    assert answer.stdout.splitlines() == [
        'routes.0: takes it (team="shop" and severity=~"critical|high")',
        "→ channel #shop-incidents, mentions S0SHOPGRP, U012AB3CD",
        "→ team shop",
        "→ no escalation",
    ]
    answer = CliRunner().invoke(cli, ["routes", "--config", str(path), "--labels", "service=cart-eu,severity=P3"])
    assert answer.stdout.splitlines()[:3] == [
        'routes.0: does not match: severity=~"critical|high", but severity=warning',
        "routes.1: takes it (it has no matchers)",
        "→ channel #incidents",
    ]


@pytest.mark.parametrize("labels", ["team", "team!=shop", "severity=soon", "cause=weather"])
def test_labels_that_cannot_be_read_are_named(path: Path, labels: str) -> None:
    loaded(path, ROUTES)
    answer = CliRunner().invoke(cli, ["routes", "--config", str(path), "--labels", labels])
    assert answer.exit_code == 1
    assert "--labels: " in answer.output


def test_the_owner_of_a_backstage_catalog_is_the_team(path: Path) -> None:
    (path.parent / "catalog.yaml").write_text(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: mail}\nspec: {owner: group:default/comms}"
    )
    text = "topology: {import: [catalog.yaml]}\nroutes:\n  - {match: ['team=comms'], channel: \"#comms\"}\n"
    loaded(path, text)
    answer = CliRunner().invoke(cli, ["routes", "--config", str(path), "--labels", "service=mail"])
    assert "→ channel #comms" in answer.stdout
