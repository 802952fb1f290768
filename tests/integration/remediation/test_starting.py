"""What is approved runs once, alone, and under the conditions that it was approved under."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from bot.domain.access.person import Person
from bot.domain.event import AlertEvent
from bot.domain.run import RunStatus
from bot.incidents.lifecycle import resolve
from bot.incidents.permissions import Actor
from bot.remediation.starting import Start, ungrouped
from bot.remediation.steps import Steps
from bot.storage.queries import runs
from bot.storage.queries.runs import Claim
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def here(pipeline: Pipeline, alert: MakeAlert) -> Night:
    here = await night(pipeline, restart=book(), scale=book(title="Scale out checkout"))
    await here.pipeline.send(alert())
    return here


async def _not_started(here: Night, why: str) -> None:
    run = (await here.pipeline.runs_of((await here.pipeline.incidents())[0]))[0]
    assert not await here.steps.begin(Claim(run.id, ""))
    run = await here.load(run)
    assert run.status is RunStatus.EXPIRED
    assert run.outcome == f"It was approved and not started: {why}. Nothing was run."


async def test_what_has_expired_meanwhile_is_not_started(here: Night) -> None:
    await here.approve()
    here.pipeline.clock.pass_(hours=1)
    await _not_started(here, "the time until which the approval holds is over")


async def test_what_was_resolved_meanwhile_is_not_started(here: Night) -> None:
    run = await here.approve()
    await resolve(here.pipeline.database, run.incident_id, "U7", here.pipeline.clock.now)
    await _not_started(here, "incident #1 is resolved")


async def test_what_resolved_by_itself_meanwhile_is_not_started(here: Night, alert: MakeAlert) -> None:
    await here.approve()
    await here.pipeline.send(alert("resolved"))
    await _not_started(here, "incident #1 is resolved")


async def test_a_runbook_that_was_removed_meanwhile_is_not_started(here: Night) -> None:
    await here.approve()
    del here.runbooks["restart"]
    await _not_started(here, "its runbook is no longer in tandem.yaml")


async def test_a_runbook_that_was_edited_meanwhile_is_not_started(here: Night) -> None:
    await here.approve()
    here.runbooks["restart"] = book(approval={"approvers": ["U1", "U2"]})
    await _not_started(here, "its runbook was edited after the approval")


async def test_who_may_no_longer_approve_has_approved_nothing(here: Night) -> None:
    run = await here.approve()
    async with here.pipeline.database.write() as connection:
        await runs.save(connection, [msgspec.structs.replace(run, approvers=["U2"])])
    await _not_started(here, "who approved it may no longer approve it")


async def test_a_second_run_on_the_service_waits_until_the_first_has_ended(here: Night, alert: MakeAlert) -> None:
    first, second = await here.approve(), await here.approve(runbook="scale")
    assert await here.steps.begin(Claim(first.id, ""))
    begin = asyncio.create_task(here.steps.begin(Claim(second.id, "")))

    async def waits() -> None:
        while not (await here.load(second)).outcome:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(waits(), 10)
    waiting = await here.load(second)
    expected = "Waits until “Restart checkout” in incident #1 has ended: one run at a time on checkout."
    assert (waiting.status, waiting.outcome) == (RunStatus.APPROVED, expected)
    assert not begin.done()
    await here.steps.finish(Claim(first.id, ""), RunStatus.FAILED, "it did not help")
    assert await asyncio.wait_for(begin, 10)
    assert ((await here.load(second)).status, (await here.load(second)).outcome) == (RunStatus.RUNNING, "")


async def test_of_two_retrainings_that_promote_one_model_the_second_waits_whichever_domains_they_are_of(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    promote = {"mlflow": {"url": "http://127.0.0.1:9", "model": "m", "alias": "champion", "from_alias": "challenger"}}
    here = await night(pipeline, restart=book(steps=[promote]))
    for cluster in ("eu", "us"):
        await here.pipeline.send(alert(cluster=cluster))
    one, other = await here.pipeline.incidents()
    assert one.domain != other.domain
    first, second = await here.approve(one), await here.approve(other)
    assert await here.steps.begin(Claim(first.id, ""))
    begin = asyncio.create_task(here.steps.begin(Claim(second.id, "")))
    while not (waits := (await here.load(second)).outcome):
        await asyncio.sleep(0.01)
    assert waits.endswith("has ended: one run at a time on checkout, the registered model m.")
    await here.steps.finish(Claim(first.id, ""), RunStatus.FAILED, "it did not help")
    assert await asyncio.wait_for(begin, 10)


async def test_a_run_that_waited_too_long_for_its_target_is_not_started(here: Night) -> None:
    first, second = await here.approve(), await here.approve(runbook="scale")
    assert await here.steps.begin(Claim(first.id, ""))
    begin = asyncio.create_task(here.steps.begin(Claim(second.id, "")))
    while not (await here.load(second)).outcome:
        await asyncio.sleep(0.01)
    here.pipeline.clock.pass_(hours=1)
    assert not await asyncio.wait_for(begin, 10)
    ended = await here.load(second)
    assert ended.status is RunStatus.EXPIRED
    assert "Waits until “Restart checkout” in incident #1 has ended" in ended.outcome


async def test_the_target_of_a_run_that_is_gone_is_free(here: Night) -> None:
    first, second = await here.approve(), await here.approve(runbook="scale")
    assert await here.steps.begin(Claim(first.id, ""))
    async with here.pipeline.database.write() as connection:
        await runs.save(connection, [msgspec.structs.replace(await here.load(first), status=RunStatus.FAILED)])
    assert await asyncio.wait_for(here.steps.begin(Claim(second.id, "")), 10)


async def test_runs_on_services_of_their_own_do_not_wait_for_each_other(pipeline: Pipeline, alert: MakeAlert) -> None:
    search = book(when={"service": "search"}, title="Restart search")
    here = await night(pipeline, restart=book(), search=search)
    await here.pipeline.send(alert())
    here.pipeline.clock.pass_(minutes=30)
    await here.pipeline.send(alert(service="search", alertname="Other"))
    [one, other] = await here.pipeline.incidents()
    first, second = await here.approve(one), await here.approve(other, "search")
    for run in (first, second):
        assert await asyncio.wait_for(here.steps.begin(Claim(run.id, "")), 10)


async def test_after_a_relapse_the_runbook_is_offered_again_and_says_what_happened(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline)
    await here.pipeline.send(alert())
    run = await here.approve()
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    run = await here.carry_out(run)
    assert run.status is RunStatus.SUCCEEDED
    here.pipeline.clock.pass_(minutes=8)
    await here.pipeline.send(alert(starts_at=here.pipeline.clock.now))
    incident = await here.pipeline.only_incident()
    [_, again] = await here.pipeline.runs_of(incident)
    assert (again.status, again.runbook) == (RunStatus.PROPOSED, "restart")
    assert again.previous is not None
    assert again.previous.in_words("12:00") == "ran at 12:00: verified, relapsed after 8m"
    assert "Proposed: Restart checkout. Last time it ran at 12:00 UTC: verified, relapsed after 8m" in (
        await here.pipeline.timeline_of(incident)
    )
    await here.pipeline.send(alert(alertname="More"))
    assert len(await here.pipeline.runs_of(incident)) == 2  # once


async def test_a_relapse_in_a_new_incident_says_what_happened_in_the_one_before(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline)
    await here.pipeline.send(alert())
    run = await here.approve()
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    await here.carry_out(run)
    here.pipeline.clock.pass_(hours=2)
    await here.pipeline.send(alert(starts_at=here.pipeline.clock.now))
    [offered] = await here.pipeline.runs_of((await here.pipeline.incidents())[-1])
    assert offered.previous is not None
    assert offered.previous.in_words("12:00") == "ran at 12:00: verified, relapsed after 2h"


async def test_what_did_not_help_is_not_offered_again_while_it_fires_on(pipeline: Pipeline, alert: MakeAlert) -> None:
    here = await night(pipeline)
    await here.pipeline.send(alert())
    run = await here.carry_out(await here.approve())
    assert run.status is RunStatus.ROLLED_BACK
    await here.pipeline.send(alert(), alert(alertname="More"))
    assert len(await here.pipeline.runs_of(await here.pipeline.only_incident())) == 1


async def test_a_member_of_a_group_who_has_left_it_has_approved_nothing(pipeline: Pipeline, alert: MakeAlert) -> None:
    group = book(approval={"approvers": ["S0SHOP1"]})
    here = await night(pipeline, restart=group)
    await here.pipeline.send(alert())
    incident = await here.pipeline.only_incident()
    member = Actor(Person("U1", groups=frozenset({"S0SHOP1"})))
    run = await here.approve(incident, who=member)
    steps = Steps(here.records, {}, Start(here.records, here.terms, ungrouped))
    assert not await steps.begin(Claim(run.id, ""))
    assert "who approved it may no longer approve it" in (await here.load(run)).outcome


async def test_while_it_is_not_known_who_is_in_the_group_the_run_waits(pipeline: Pipeline, alert: MakeAlert) -> None:
    here = await night(pipeline, restart=book(approval={"approvers": ["S0SHOP1"]}))
    await here.pipeline.send(alert())
    known: list[Person] = [Person("U1", unknown={"S0SHOP1": "Slack does not say now who is in @S0SHOP1"})]

    async def look_up(_user: str, _groups: object) -> Person:
        return known[-1]

    run = await here.approve(
        await here.pipeline.only_incident(), who=Actor(Person("U1", groups=frozenset({"S0SHOP1"})))
    )
    steps = Steps(here.records, {}, Start(here.records, here.terms, look_up))
    begin = asyncio.create_task(steps.begin(Claim(run.id, "")))
    while not (await here.load(run)).outcome:
        await asyncio.sleep(0.01)
    assert "Slack does not say now who is in @S0SHOP1" in (await here.load(run)).outcome
    known.append(Person("U1", groups=frozenset({"S0SHOP1"})))
    assert await asyncio.wait_for(begin, 10)
