"""Guards decide when a run is offered, when it is approved, and once more when it starts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.access.person import Person
from bot.domain.access.team import Team, Teams
from bot.domain.event import AlertEvent
from bot.domain.guards.freeze import GuardRules
from bot.domain.guards.hold import BlastRadius, Glass, Guard
from bot.domain.rules import Rules
from bot.domain.run import Run, RunStatus
from bot.errors import Refused
from bot.incidents.permissions import Actor
from bot.remediation.offers.glass import break_glass
from bot.remediation.offers.guard_looks import GuardLooks
from bot.remediation.starting import Start
from bot.remediation.steps import Steps
from bot.storage.queries import audit, incidents, runs
from bot.storage.queries.runs import Claim
from bot.storage.seal import Seal
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]
LEAD = Actor(Person("U9LEAD", groups=frozenset({"S0LEADS1"})))
FREEZE = {
    "name": "release freeze",
    "from": "2026-03-01T11:00Z",
    "to": "2026-03-01T13:00Z",
    "break_glass": ["S0LEADS1"],
}
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def frozen(**fields: Any) -> Rules:
    return Rules(guards=GuardRules.model_validate({"freeze": [{**FREEZE, **fields}]}))


async def _refused(here: Night, **how: Any) -> str:
    with pytest.raises(Refused) as refusal:
        await here.approve(**how)
    return str(refusal.value)


async def _only_run(here: Night) -> Run:
    [run] = await here.pipeline.runs_of(await here.pipeline.only_incident())
    return run


async def test_a_frozen_run_is_offered_with_its_hold_and_nobody_can_approve_it(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline, rules=frozen())
    await here.pipeline.send(alert())
    run = await _only_run(here)
    assert [hold.name for hold in run.holds] == ["release freeze"]
    why = "the freeze window “release freeze” until 2026-03-01 13:00 UTC (@S0LEADS1 may break the glass)"
    assert await _refused(here) == f"“Restart checkout” may not be run now because of {why}."
    timeline = await here.pipeline.timeline_of(await here.pipeline.only_incident())
    assert f"Proposed: Restart checkout. Not to be run now because of {why}" in timeline
    assert (await here.load(run)).status is RunStatus.PROPOSED
    here.pipeline.clock.pass_(minutes=59)
    await _refused(here)


async def test_when_the_window_closes_the_offer_is_free_and_the_message_follows(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline, rules=frozen(to="2026-03-01T12:30Z"))
    await here.pipeline.send(alert())
    looks = GuardLooks(here.pipeline.database, here.terms, here.pipeline.clock, lambda: here.seconds)
    assert not await looks.look()  # as it was
    here.pipeline.clock.pass_(minutes=30)
    here.seconds += 5
    before = await here.pipeline.only_incident()
    assert await looks.look()
    assert (await _only_run(here)).holds == []
    assert (await here.pipeline.only_incident()).version > before.version
    assert (await here.approve()).status is RunStatus.APPROVED


async def test_a_window_that_opened_after_the_approval_is_found_at_the_start(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline, rules=frozen(**{"from": "2026-03-01T12:10Z"}))
    await here.pipeline.send(alert())
    run = await here.approve()
    here.pipeline.clock.pass_(minutes=10)
    assert not await here.steps.begin(Claim(run.id, ""))
    ended = await here.load(run)
    assert ended.status is RunStatus.EXPIRED
    assert ended.outcome == (
        "It was approved and not started: it may not be run now because of the freeze window “release freeze” until "
        "2026-03-01 13:00 UTC (@S0LEADS1 may break the glass). Nothing was run."
    )


@pytest.mark.parametrize(
    "match, labels, held",
    [
        (['team="shop"'], {"team": "shop"}, True),
        (['team="shop"'], {"team": "search"}, False),
        (['team="cashiers"'], {}, True),  # who answers for the service, by tandem.yaml
        (['service="checkout"'], {}, True),
        (['severity="high"'], {"severity": "high"}, True),
        (['severity="high"'], {}, False),
        (['source="alertmanager"', 'env=~"prod.*"'], {"env": "prod-1"}, True),
        (['env!="dev"'], {"env": "dev"}, False),
        (['env!="dev"'], {"env": "prod"}, True),
    ],
)
async def test_windows_match_the_alerts_and_the_service_that_a_run_acts_on(
    pipeline: Pipeline, alert: MakeAlert, match: list[str], labels: dict[str, str], held: bool
) -> None:
    rules = msgspec.structs.replace(frozen(match=match), teams=Teams({"cashiers": Team(services=["check*"])}))
    here = await night(pipeline, rules=rules)
    await here.pipeline.send(alert(**labels))
    assert bool((await _only_run(here)).holds) == held


async def test_breaking_the_glass_takes_a_reason_the_right_group_and_a_second_person(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline, rules=frozen(), restart=book(approval={"approvers": ["U1", "U9LEAD"]}))
    await here.pipeline.send(alert())
    run = await _only_run(here)
    database, now, offer = here.pipeline.database, here.pipeline.clock.now, (run.id, run.plan_hash)
    with pytest.raises(Refused, match="You may not override the freeze window “release freeze”"):
        await break_glass(database, here.terms, offer, "U1", "it burns", now)
    with pytest.raises(Refused, match="Say why"):
        await break_glass(database, here.terms, offer, LEAD, "  ", now)
    broken = await break_glass(database, here.terms, offer, LEAD, "shoppers cannot pay", now)
    assert (broken.status, broken.holds) == (RunStatus.PROPOSED, [])
    assert await _refused(here, who=LEAD) == (
        "You broke the glass for “Restart checkout”: somebody else must approve it."
    )
    approved = await here.approve()
    assert approved.status is RunStatus.APPROVED
    start = Start(here.records, here.terms, _everybody_leads)
    assert await Steps(here.records, {}, start, here.verifier).begin(Claim(run.id, ""))
    async with database.read() as connection:
        rows = await audit.entries(connection, f"run {run.id}")
        worse = await incidents.worse_texts(connection, run.incident_id, datetime.min.replace(tzinfo=UTC), 10**9)
    [row] = [row for row in rows if row["action"] == "run.glass_broken"]
    details = msgspec.json.decode(row["details"])
    assert (row["actor"], details["reason"], details["alarm"]) == ("U9LEAD", "shoppers cannot pay", True)
    assert [row["action"] for row in rows].count("run.refused") == 3
    assert any(text.startswith("GLASS BROKEN for “Restart checkout”") for text in worse)


async def _everybody_leads(user: str, _groups: object) -> Person:
    return Person(user, groups=frozenset({"S0LEADS1"}))


async def test_who_is_no_longer_in_the_group_has_broken_nothing(pipeline: Pipeline, alert: MakeAlert) -> None:
    here = await night(pipeline, rules=frozen())
    await here.pipeline.send(alert())
    run = await _only_run(here)
    offer = (run.id, run.plan_hash)
    await break_glass(here.pipeline.database, here.terms, offer, LEAD, "it burns", here.pipeline.clock.now)
    await here.approve()
    assert not await here.steps.begin(Claim(run.id, ""))  # nobody is in any group now
    assert "who broke the glass may no longer do so" in (await here.load(run)).outcome


async def test_glass_that_nobody_may_break_stays_whole(pipeline: Pipeline, alert: MakeAlert) -> None:
    here = await night(pipeline, rules=frozen(break_glass=[]))
    await here.pipeline.send(alert())
    run = await _only_run(here)
    with pytest.raises(Refused, match="nobody may break the glass"):
        offer = (run.id, run.plan_hash)
        await break_glass(here.pipeline.database, here.terms, offer, LEAD, "it burns", here.pipeline.clock.now)


async def test_a_cool_down_holds_from_the_end_of_the_last_run_on_the_same_service(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline, restart=book(limits={"cooldown": "15m"}))
    await here.pipeline.send(alert())
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    run = await here.carry_out(await here.approve())
    assert run.status is RunStatus.SUCCEEDED and run.ended_at is not None
    here.pipeline.clock.pass_(minutes=8)
    await here.pipeline.send(alert(starts_at=here.pipeline.clock.now))
    until = f"{run.ended_at + timedelta(minutes=15):%Y-%m-%d %H:%M} UTC"
    assert f"the cool-down of 15m after its last run until {until}" in await _refused(here)
    here.pipeline.clock.pass_(minutes=7)
    assert (await here.approve()).status is RunStatus.APPROVED


async def test_no_jump_of_the_clock_ends_a_cool_down(pipeline: Pipeline, alert: MakeAlert) -> None:
    here = await night(pipeline, restart=book(limits={"cooldown": "15m"}))
    await here.pipeline.send(alert())
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    await here.carry_out(await here.approve())
    here.pipeline.clock.pass_(hours=5)
    await here.pipeline.send(alert(starts_at=here.pipeline.clock.now))
    again = await here.approve((await here.pipeline.incidents())[-1])
    assert not await here.steps.begin(Claim(again.id, ""))
    assert "the cool-down of 15m after its last run" in (await here.load(again)).outcome


async def test_more_incidents_than_may_be_open_forbid_it(pipeline: Pipeline, alert: MakeAlert) -> None:
    here = await night(pipeline, restart=book(limits={"most_open_incidents": 1}))
    await here.pipeline.send(alert())
    first = await here.pipeline.only_incident()
    here.pipeline.clock.pass_(minutes=30)
    await here.pipeline.send(alert(service="search", alertname="Other"))
    assert "2 incidents are open, and 1 are the most" in await _refused(here, incident=first)
    await here.pipeline.send(alert("resolved", service="search", alertname="Other"))
    assert (await here.approve(first)).status is RunStatus.APPROVED


async def test_the_offer_says_what_depends_on_its_target_and_a_limit_may_forbid_it(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    depends_on = {"web": ["checkout"], "app": ["checkout"], "mail": ["app"]}
    rules = Rules(depends_on=depends_on, critical=frozenset({"app"}))
    here = await night(pipeline, rules=rules, restart=book(limits={"most_dependants": 2}))
    await here.pipeline.send(alert())
    run = await _only_run(here)
    assert run.reach == BlastRadius(3, 1, ["app", "web", "mail"])
    assert [hold.guard for hold in run.holds] == [Guard.BLAST_RADIUS]
    assert "3 services depend on what it acts on, and 2 are the most" in await _refused(here)


async def test_of_runbooks_that_fit_the_least_invasive_is_offered_first(pipeline: Pipeline, alert: MakeAlert) -> None:
    books = {name: book(title=name, impact=name) for name in ("high", "low", "medium")}
    here = await night(pipeline, None, None, **books)
    await here.pipeline.send(alert())
    offered = await here.pipeline.runs_of(await here.pipeline.only_incident())
    assert [run.runbook for run in offered] == ["low", "medium", "high"]


@pytest.mark.parametrize(
    "running, status, done", [("stop", RunStatus.STOPPED, 1), ("continue", RunStatus.VERIFYING, 2)]
)
async def test_a_freeze_that_begins_meanwhile_ends_the_run_between_two_steps_or_lets_it_go_on(
    pipeline: Pipeline, alert: MakeAlert, running: str, status: RunStatus, done: int
) -> None:
    rules = frozen(running=running, **{"from": "2026-03-01T12:10Z"})
    steps = [{"command": {"argv": ["true"]}}, {"command": {"argv": ["true", "second"]}}]
    here = await night(pipeline, rules=rules, restart=book(steps=steps))
    await here.pipeline.send(alert())
    run = await here.approve()
    perform, seen = here.steps.perform, list[RunStatus]()

    async def and_time_passes(claim: Claim, phase: Any, position: int) -> bool | None:
        succeeded = await perform(claim, phase, position)
        here.pipeline.clock.pass_(minutes=10)
        return succeeded

    async def note_and_resolve() -> None:
        seen.append((await here.load(run)).status)
        await here.pipeline.send(alert("resolved"))

    here.steps.perform = and_time_passes  # type: ignore[method-assign]
    here.at(1, note_and_resolve)
    ended = await here.carry_out(run)
    async with here.records.reading(Claim(run.id, "")):
        records = await here.records.steps_of(Claim(run.id, ""))
    assert len(records) == done
    assert (seen or [ended.status]) == [status]
    if running == "stop":
        assert ended.outcome.startswith(
            "Stopped after 1 of 2 steps because of the freeze window “release freeze” until"
        )


async def test_glass_that_was_broken_past_tandem_counts_for_nothing(pipeline: Pipeline, alert: MakeAlert) -> None:
    """Whoever can write the database cannot override a window: the seal holds the glass, too."""
    pipeline.database.use_seal(Seal(b"a key that is long enough for this"))
    here = await night(pipeline, rules=frozen())
    await here.pipeline.send(alert())
    run = await _only_run(here)
    forged = msgspec.structs.replace(run, glass=Glass("U9LEAD", "x", here.pipeline.clock.now, ["release freeze"]))
    async with here.pipeline.database.write() as connection:
        await runs.save(connection, [forged])
    assert "was changed in the database past Tandem" in await _refused(here)
