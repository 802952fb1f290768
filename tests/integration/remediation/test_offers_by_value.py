"""A runbook that takes a label of its alerts is offered for each value that they have, or it is said why not."""

from collections.abc import Callable
from typing import Any

import msgspec

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.run import RunStatus
from bot.domain.runbook import Runbook
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries import runs
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
DISK = "DiskFull"


def _rules(label: str = "node", **more: Any) -> Rules:
    written = {
        "title": "Clean the disk",
        "when": {"alertname": DISK},
        "steps": [{"command": {"argv": ["clean", f"${{labels.{label}}}"]}}],
        "approval": {"approvers": ["U1"]},
    }
    return Rules(runbooks={"clean": Runbook.model_validate(written | more)})


async def _offered(pipeline: Pipeline) -> list[str]:
    found = await pipeline.runs_of(await pipeline.only_incident())
    return [run.plan.steps[0].parameters["argv"][1] for run in found]


async def _refusals(pipeline: Pipeline) -> list[str]:
    lines = await pipeline.timeline_of(await pipeline.only_incident())
    return [line for line in lines if "cannot be offered" in line]


async def test_a_runbook_is_offered_once_for_each_value_of_its_label(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await Pipeline(database, inbox, clock, _rules()).prepare()
    await pipeline.send(alert(alertname=DISK, node="a"), alert(alertname=DISK, node="b"))
    assert await _offered(pipeline) == ["a", "b"]
    clock.pass_(seconds=10)
    await pipeline.send(alert(alertname=DISK, node="b"), alert(alertname=DISK, node="c"))
    assert await _offered(pipeline) == ["a", "b", "c"]
    await pipeline.send(alert("resolved", alertname=DISK, node="a"), alert("resolved", alertname=DISK, node="b"))
    assert await _offered(pipeline) == ["a", "b", "c"]


async def test_an_offer_is_withdrawn_when_what_it_is_for_is_gone_and_made_again_when_it_is_back(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await Pipeline(database, inbox, clock, _rules()).prepare()
    await pipeline.send(alert(alertname=DISK, node="a"), alert(alertname="Latency", node="a"))
    clock.pass_(minutes=1)
    await pipeline.send(alert("resolved", alertname=DISK, node="a"))
    incident = await pipeline.only_incident()
    [gone] = await pipeline.runs_of(incident)
    assert incident.open
    assert (gone.status, gone.outcome) == (RunStatus.EXPIRED, "what it was offered for is gone")
    assert "Offer withdrawn: Clean the disk, what it was offered for is gone" in await pipeline.timeline_of(incident)
    clock.pass_(minutes=1)
    await pipeline.send(alert(alertname=DISK, node="a"))
    found = await pipeline.runs_of(await pipeline.only_incident())
    assert [run.status for run in found] == [RunStatus.EXPIRED, RunStatus.PROPOSED]


async def test_alerts_that_the_runbook_is_not_for_give_it_no_values(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await Pipeline(database, inbox, clock, _rules()).prepare()
    await pipeline.send(alert(alertname="Latency", node="x"), alert(alertname=DISK, node="a"))
    assert await _offered(pipeline) == ["a"]


async def test_an_offer_that_lapsed_is_made_again_for_its_value_alone(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await Pipeline(database, inbox, clock, _rules()).prepare()
    await pipeline.send(alert(alertname=DISK, node="a"), alert(alertname=DISK, node="b"))
    first, _ = await pipeline.runs_of(await pipeline.only_incident())
    async with database.write() as connection:
        await runs.save(connection, [msgspec.structs.replace(first, status=RunStatus.EXPIRED)])
    clock.pass_(seconds=10)
    await pipeline.send(alert(alertname=DISK, node="a", severity="critical"))
    assert await _offered(pipeline) == ["a", "b", "a"]


async def test_for_more_than_five_values_it_is_said_once_why_there_is_no_offer(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await Pipeline(database, inbox, clock, _rules()).prepare()
    for _ in range(2):
        await pipeline.send(*(alert(alertname=DISK, node=f"n{number}") for number in range(6)))
        clock.pass_(seconds=10)
        await pipeline.send(alert(alertname="Latency"))
    assert await _offered(pipeline) == []
    assert await _refusals(pipeline) == [
        "“Clean the disk” fits but cannot be offered: its alerts have more than 5 values for ${labels.node}"
    ]


async def test_a_value_that_may_not_be_filled_in_is_named_once_and_the_others_are_offered(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    label = "app.kubernetes.io/name"
    pipeline = await Pipeline(database, inbox, clock, _rules(label)).prepare()
    for _ in range(2):
        await pipeline.send(alert(alertname=DISK, **{label: "web;id"}), alert(alertname=DISK, **{label: "web"}))
        clock.pass_(seconds=10)
    assert await _offered(pipeline) == ["web"]
    [refusal] = await _refusals(pipeline)
    assert "the value of ${labels.app.kubernetes.io/name}, 'web;id', does not match" in refusal
