"""The two teams of the story, and Tandem's configuration: whom an incident concerns, what is offered, who may approve.

The platform team runs the service and its pool, the forecasting team owns the model and its data. An incident of the
pool is the platform team's: it is shown to the forecasting team, too, as soon as their model suffers, but calls none of
them. What the data causes is theirs alone.
"""

from typing import Any, NamedTuple

from bot.demo.features import DATASET, MODEL

ANA, BEN, CHEN = "U012AB3CD", "U0BYSTAND", "U0SECOND1"
PEOPLE = {ANA: "ana", BEN: "ben", CHEN: "chen"}
PLATFORM, FORECASTING = "platform", "forecasting"
"""Names of the teams, of their channels and of their schedules."""
ON_CALL = {PLATFORM: ANA, FORECASTING: BEN}
WINDOW_ROWS = 400
STABLE = "5s"
"""What has resolved stays so for this long, rather than for the usual half a minute: the story is short."""


class Commands(NamedTuple):
    """What the runbooks run."""

    scale_out: list[str]
    scale_in: list[str]
    roll_back: list[str]


def config(commands: Commands) -> dict[str, Any]:
    """The whole tandem.yaml."""
    drift = {"kind": "drift", "window": {"rows": WINDOW_ROWS}}
    return {
        "slack": {"channel": f"#{PLATFORM}"},
        "services": {"forecast-api": {"depends_on": ["forecast-pool"]}, "forecast-pool": {}, DATASET: {}},
        "models": {MODEL: {"served_by": "forecast-api", "reads": [DATASET], "monitors": [drift]}},
        "teams": {
            PLATFORM: {"services": ["forecast-api", "forecast-pool"], "members": [ANA, CHEN]},
            FORECASTING: {"services": [MODEL, DATASET], "members": [BEN]},
        },
        "schedules": {
            PLATFORM: {"rotation": [ANA], "handover": "mon 09:00", "zone": "Europe/Berlin"},
            FORECASTING: {"rotation": [BEN], "handover": "mon 09:00", "zone": "Europe/Berlin"},
        },
        "escalations": {
            PLATFORM: {"steps": [_call(PLATFORM, "0s"), {"after": "5m", "mention": [CHEN]}]},
            FORECASTING: {"steps": [_call(FORECASTING, "0s")], "repeat": 2},
        },
        "routes": [
            {**_route(PLATFORM), "match": ['service=~"forecast-(api|pool)"'], "continue": True},
            {**_route(FORECASTING), "match": ['cause=~"data|model"']},
            {"match": [f'service="{MODEL}"'], "channel": f"#{FORECASTING}"},
        ],
        "runbooks": {"scale-forecast-pool": _scale_out(commands), "roll-back-features": _roll_back(commands)},
    }


def _call(team: str, after: str) -> dict[str, Any]:
    return {"after": after, "mention": [{"schedule": team}]}


def _route(team: str) -> dict[str, Any]:
    return {"channel": f"#{team}", "mention": [{"schedule": team}], "team": team, "escalation": team}


def _scale_out(commands: Commands) -> dict[str, Any]:
    return {
        "title": "Scale out the forecast pool",
        "when": {"service": "forecast-pool", "cause": "resource"},
        "steps": [_command(commands.scale_out)],
        "rollback": [_command(commands.scale_in)],
        "verify": {"alerts_resolved": True, "within": "3m", "stable_for": STABLE},
        "approval": {"approvers": [{"schedule": PLATFORM}], "required": 1, "expires": "1h"},
        "autonomy": {"after": 3, "at_least": 0.25, "severity_at_most": "critical", "notice": "5s"},
    }


def _roll_back(commands: Commands) -> dict[str, Any]:
    return {
        "title": "Roll the weather features back",
        "when": {"cause": "data"},
        "steps": [_command(commands.roll_back)],
        "verify": {"alerts_resolved": True, "within": "3m", "stable_for": STABLE},
        "approval": {"approvers": [{"schedule": FORECASTING}], "required": 1, "expires": "1h"},
    }


def _command(argv: list[str]) -> dict[str, Any]:
    return {"command": {"argv": argv, "timeout": "60s", "repeatable": True}}
