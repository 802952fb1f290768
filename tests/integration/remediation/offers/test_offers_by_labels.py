"""``when.labels``: a runbook for production is not offered elsewhere."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.run import RunStatus
from bot.domain.runbook import Runbook
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


def _rules(*labels: str, **when: Any) -> Rules:
    written = {
        "title": "Restart it",
        "when": {"labels": list(labels), **when},
        "steps": [{"command": {"argv": ["restart"]}}],
        "approval": {"approvers": ["U1"]},
    }
    return Rules(runbooks={"restart": Runbook.model_validate(written)})


async def _offered(pipeline: Pipeline) -> list[RunStatus]:
    return [run.status for run in await pipeline.runs_of(await pipeline.only_incident())]


@pytest.mark.parametrize(
    ("labels", "firing", "offered"),
    [
        (['env="prod"'], [{"env": "prod"}], True),
        (['env="prod"'], [{"env": "staging"}], False),
        (['env="prod"'], [{}], False),
        (['env="prod"'], [{"env": "prod"}, {}], True),
        (['env="prod"'], [{"env": "prod"}, {"env": "staging"}], False),
        (['env=~"prod|canary"'], [{"env": "prod"}, {"env": "canary"}], True),
        (['env!="dev"'], [{}], True),
        (['env!="dev"'], [{"env": "prod"}, {"env": "dev"}], False),
        (['env="prod"', 'tier=~".+"'], [{"env": "prod"}], False),
        (['env="prod"', 'tier=~".+"'], [{"env": "prod", "tier": "1"}], True),
    ],
)
async def test_labels_of_the_firing_alerts_decide_whether_a_runbook_is_offered(
    database: Database,
    inbox: Inbox,
    clock: Clock,
    alert: MakeAlert,
    labels: list[str],
    firing: list[dict[str, str]],
    offered: bool,
) -> None:
    pipeline = await Pipeline(database, inbox, clock, _rules(*labels)).prepare()
    await pipeline.send(*(alert(instance=f"i{place}", **own) for place, own in enumerate(firing)))
    assert await _offered(pipeline) == ([RunStatus.PROPOSED] if offered else [])


async def test_an_offer_is_withdrawn_when_an_alert_of_elsewhere_joins_and_made_again_when_it_ends(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await Pipeline(database, inbox, clock, _rules('env="prod"', service="checkout")).prepare()
    await pipeline.send(alert(instance="a", env="prod"))
    clock.pass_(seconds=5)
    await pipeline.send(alert(instance="b", env="staging"))
    assert await _offered(pipeline) == [RunStatus.EXPIRED]
    clock.pass_(seconds=5)
    await pipeline.send(alert("resolved", instance="b", env="staging"))
    assert await _offered(pipeline) == [RunStatus.EXPIRED, RunStatus.PROPOSED]
