"""Guards when several runs start at once, on both databases: no two take the same place."""

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy import text

from bot.domain.event import AlertEvent
from bot.domain.guards.freeze import GuardRules
from bot.domain.rules import Rules
from bot.domain.run import Run, RunStatus
from bot.domain.runs.autonomy import TANDEM
from bot.remediation.autonomy.announcing import Announcing
from bot.remediation.starting import Start
from bot.remediation.steps import Steps
from bot.storage.queries import audit
from bot.storage.queries.runs import Claim
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.offers.test_earned_autonomy import add_record, show
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]


async def _hand_out(here: Night, approved: Sequence[Run]) -> None:
    """Each run to a process of its own, as DBOS does, which on PostgreSQL is in the same database."""
    if here.pipeline.database.is_sqlite:
        return
    async with here.pipeline.database.write() as connection:
        await connection.execute(text("CREATE SCHEMA dbos"))
        await connection.execute(text("CREATE TABLE dbos.workflow_status (workflow_uuid text, owner_xid text)"))
        for run in approved:
            await connection.execute(text("INSERT INTO dbos.workflow_status VALUES (:id, :id)"), {"id": run.id})


async def test_of_two_replicas_that_race_for_the_last_run_of_the_hour_one_starts(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    limited = book(when={"alertname": "HighLatency"}, limits={"per_hour": 1})
    here = await night(pipeline, restart=limited)
    approved = []
    for service in ("one", "two", "three"):
        await here.pipeline.send(alert(service=service, cluster=service))
        here.pipeline.clock.pass_(seconds=1)
    for incident in await here.pipeline.incidents():
        approved.append(await here.approve(incident))
    await _hand_out(here, approved)
    replicas = [Steps(here.records, {}, Start(here.records, here.terms)) for _ in approved]
    begun = await asyncio.gather(
        *(steps.begin(Claim(run.id, run.id)) for steps, run in zip(replicas, approved, strict=True))
    )
    assert sorted(begun) == [False, False, True]
    ended = [await here.load(run) for run, started in zip(approved, begun, strict=True) if not started]
    assert all("the limit of 1 run an hour until 2026-03-01 13:00 UTC" in run.outcome for run in ended)


async def test_two_may_work_on_a_service_where_tandem_yaml_says_so_and_a_third_waits(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    books = {name: book(title=name) for name in ("a", "b", "c")}
    here = await night(pipeline, None, Rules(guards=GuardRules(per_target=2)), **books)
    await here.pipeline.send(alert())
    first, second, third = approved = [await here.approve(runbook=name) for name in books]
    await _hand_out(here, approved)
    assert await here.steps.begin(Claim(first.id, first.id))
    assert await here.steps.begin(Claim(second.id, second.id))
    begin = asyncio.create_task(here.steps.begin(Claim(third.id, third.id)))
    while not (await here.load(third)).outcome:
        await asyncio.sleep(0.01)
    assert (await here.load(third)).outcome.endswith("has ended: 2 runs at a time on checkout.")
    await here.steps.finish(Claim(second.id, second.id), RunStatus.FAILED, "it did not help")
    assert await asyncio.wait_for(begin, 10)


async def test_of_two_loops_that_look_at_once_one_announces_and_one_approves(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    autonomy = {"after": 3, "at_least": 0.3, "notice": "60s"}
    here = await night(pipeline, restart=book(autonomy=autonomy))
    await here.pipeline.send(alert())
    [offered] = await here.pipeline.runs_of(await here.pipeline.only_incident())
    await add_record(here, await here.pipeline.only_incident(), offered, {}, {}, {})
    database, clock = here.pipeline.database, here.pipeline.clock
    loops = [Announcing(database, here.terms, clock, lambda: here.seconds) for _ in range(2)]
    for seconds in (1, 2, 61):
        await here.pass_(seconds)
        await asyncio.gather(*(loop.look() for loop in loops))
        await show(here)
    run = await here.load(offered)
    assert (run.status, run.approvals) == (RunStatus.APPROVED, [TANDEM])
    async with database.read() as connection:
        actions = [row["action"] for row in await audit.entries(connection, f"run {run.id}")]
    assert actions == ["run.announced", "run.approve"]
