"""The demo's two teams: whom an incident of each chapter concerns, and whom it calls."""

from pathlib import Path

import pytest
import yaml

from bot.config import load_config
from bot.demo.story.teams import FORECASTING, ON_CALL, PLATFORM, Commands, config
from bot.domain.cause import CauseKind
from bot.domain.routing.decision import Facts
from bot.domain.severity import Severity
from bot.routing.compiled import Routes

COMMANDS = Commands(["scale", "out"], ["scale", "in"], ["roll", "back"])


@pytest.fixture
def routes(tmp_path: Path) -> Routes:
    path = tmp_path / "tandem.yaml"
    path.write_text(yaml.safe_dump(config(COMMANDS)))
    made, warnings = load_config(path)
    assert warnings == []
    return made.compiled_routes()


def _facts(cause: CauseKind, *services: str) -> Facts:
    return Facts(
        severity=Severity.CRITICAL,
        services=list(services),
        sources=["alertmanager"],
        cause=cause,
        domain="shop-eu",
        labels={"cluster": "shop-eu"},
    )


def test_a_starved_pool_calls_the_platform_team_and_is_only_shown_to_the_other(routes: Routes) -> None:
    before = routes.decide(_facts(CauseKind.RESOURCE, "forecast-pool", "forecast-api"))
    assert (before.channels, before.team) == (("#platform",), PLATFORM)
    decided = routes.decide(_facts(CauseKind.RESOURCE, "forecast-pool", "forecast-api", "demand-forecast"))
    assert [target.channel for target in decided.targets] == ["#platform", "#forecasting"]
    assert [bool(target.mention) for target in decided.targets] == [True, False]
    assert (decided.team, decided.escalation) == (PLATFORM, PLATFORM)


def test_what_the_data_causes_is_the_forecasting_team_s_alone(routes: Routes) -> None:
    decided = routes.decide(_facts(CauseKind.DATA, "demand-forecast"))
    assert [target.channel for target in decided.targets] == ["#forecasting"]
    assert decided.targets[0].mention
    assert (decided.team, decided.escalation) == (FORECASTING, FORECASTING)


def test_each_team_has_somebody_else_on_call_who_approves() -> None:
    written = config(COMMANDS)
    assert {name: rules["rotation"] for name, rules in written["schedules"].items()} == {
        team: [user] for team, user in ON_CALL.items()
    }
    approvers = [book["approval"]["approvers"] for book in written["runbooks"].values()]
    assert approvers == [[{"schedule": PLATFORM}], [{"schedule": FORECASTING}]]
