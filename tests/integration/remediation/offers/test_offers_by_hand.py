"""What people do to an offer: propose it by hand, edit its plan within bounds, approve it under a policy."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bot.domain.access.person import Person
from bot.domain.access.team import Team, Teams
from bot.domain.event import AlertEvent
from bot.domain.guards.freeze import GuardRules
from bot.domain.rules import Rules
from bot.domain.run import Run, RunStatus
from bot.errors import Refused
from bot.incidents.permissions import Actor
from bot.remediation.approval import decide
from bot.remediation.offers.by_hand import propose_by_hand
from bot.remediation.offers.editing import BadParameters, edit
from bot.storage.queries import audit, runs
from bot.storage.queries.runs import Claim
from bot.storage.seal import Seal
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ELSEWHERE = {"service": "somewhere-else"}
SCALE = {
    "steps": [{"command": {"argv": ["true", "--to=${parameters.replicas}"]}}],
    "parameters": {"replicas": {"type": "integer", "default": 3, "min": 1, "max": 10}},
}


async def _by_hand(here: Night, name: str = "restart", who: Any = "U7") -> list[Run]:
    incident = await here.pipeline.only_incident()
    return await propose_by_hand(here.pipeline.database, here.terms, name, incident.id, who, here.pipeline.clock.now)


async def _approve(here: Night, run: Run, who: Any = "U1", reason: str = "") -> Run:
    now = here.pipeline.clock.now
    return await decide(here.pipeline.database, here.terms, run.id, run.plan_hash, who, "approve", now, reason)


async def _edit(here: Night, run: Run, who: Any = "U1", **given: str) -> Run:
    offer, now = (run.id, run.plan_hash), here.pipeline.clock.now
    return await edit(here.pipeline.database, here.terms, offer, who, given, now)


async def _actions(here: Night, run: Run) -> list[str]:
    async with here.pipeline.database.read() as connection:
        return [row["action"] for row in await audit.entries(connection, f"run {run.id}")]


async def test_a_runbook_that_does_not_fit_is_proposed_by_hand_approved_and_carried_out(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline, restart=book(when=ELSEWHERE))
    await here.pipeline.send(alert())
    incident = await here.pipeline.only_incident()
    assert await here.pipeline.runs_of(incident) == []
    [run] = await _by_hand(here)
    assert (run.status, run.proposed_by, run.plan.targets) == (RunStatus.PROPOSED, "U7", ["somewhere-else"])
    assert "Proposed by hand: Restart checkout" in await here.pipeline.timeline_of(incident)
    here.at(1, lambda: here.pipeline.send(alert("resolved")))
    ended = await here.carry_out(await _approve(here, run))
    assert ended.status is RunStatus.SUCCEEDED
    assert (await _actions(here, run))[0] == "run.proposed"


async def test_what_is_offered_already_is_not_offered_twice_and_what_ended_is_again(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline)
    await here.pipeline.send(alert())
    with pytest.raises(Refused, match="“Restart checkout” is offered already in incident #1"):
        await _by_hand(here)
    run = await here.carry_out(await here.approve())
    assert run.status is RunStatus.ROLLED_BACK
    [again] = await _by_hand(here)
    assert again.plan_hash == run.plan_hash


async def test_a_runbook_or_an_incident_that_is_not_there_is_named(pipeline: Pipeline, alert: MakeAlert) -> None:
    here = await night(pipeline, restart=book(when=ELSEWHERE))
    await here.pipeline.send(alert())
    with pytest.raises(Refused, match=r"There is no runbook 'reboot' in tandem\.yaml\. There are: restart"):
        await _by_hand(here, "reboot")
    await here.pipeline.send(alert("resolved"))
    with pytest.raises(Refused, match="Incident #1 is not open: nothing was proposed"):
        await _by_hand(here)


async def test_guests_propose_nothing(pipeline: Pipeline, alert: MakeAlert) -> None:
    here = await night(pipeline, restart=book(when=ELSEWHERE))
    await here.pipeline.send(alert())
    with pytest.raises(Refused, match="You may not propose a run in incident #1"):
        await _by_hand(here, who=Actor(Person("U2", member=False)))


async def test_the_guards_hold_for_what_is_proposed_by_hand(pipeline: Pipeline, alert: MakeAlert) -> None:
    rules = Rules(guards=GuardRules.model_validate({"freeze": [{"name": "always", "at": "00:00", "lasts": "24h"}]}))
    here = await night(pipeline, rules=rules, restart=book(when=ELSEWHERE))
    await here.pipeline.send(alert())
    [run] = await _by_hand(here)
    assert [hold.name for hold in run.holds] == ["always"]
    with pytest.raises(Refused, match="may not be run now because of the freeze window “always”"):
        await _approve(here, run)


@pytest.mark.parametrize("allowed", [False, True])
async def test_who_proposed_it_approves_it_only_where_the_runbook_says_so(
    pipeline: Pipeline, alert: MakeAlert, allowed: bool
) -> None:
    approval = {"approvers": ["U1"], "proposer_may_approve": allowed}
    here = await night(pipeline, restart=book(when=ELSEWHERE, approval=approval))
    await here.pipeline.send(alert())
    [run] = await _by_hand(here, who="U1")
    if allowed:
        assert (await _approve(here, run)).status is RunStatus.APPROVED
    else:
        with pytest.raises(Refused, match="You proposed “Restart checkout”: somebody else must approve it"):
            await _approve(here, run)


async def test_a_reason_is_asked_for_where_the_runbook_wants_one_and_is_kept(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline, restart=book(approval={"approvers": ["U1"], "reason": True}))
    await here.pipeline.send(alert())
    incident = await here.pipeline.only_incident()
    [run] = await here.pipeline.runs_of(incident)
    with pytest.raises(Refused, match="its runbook asks for a reason"):
        await _approve(here, run, reason="  ")
    approved = await _approve(here, run, reason="the queue is full")
    assert (approved.status, approved.decisions[0].reason) == (RunStatus.APPROVED, "the queue is full")
    assert "Approved: Restart checkout. Reason: the queue is full" in await here.pipeline.timeline_of(incident)


TEAMS = Teams({"shop": Team(services=["checkout"], members=["U1OWN", "S0SHOP1"]), "sre": Team(members=["U2SRE"])})


@pytest.mark.parametrize(
    "people, status",
    [
        (["U1OWN", "U3SHOP"], RunStatus.PROPOSED),  # both are in the team of the service
        (["U1OWN", "U2SRE"], RunStatus.APPROVED),
        (["U2SRE", "U1OWN"], RunStatus.APPROVED),
        (["U1OWN", "U3SHOP", "U2SRE"], RunStatus.APPROVED),
        (["U1OWN", "U4UNKNOWN"], RunStatus.PROPOSED),  # nobody can tell in which team they are
    ],
)
async def test_one_of_another_team_has_to_be_among_those_who_approve(
    pipeline: Pipeline, alert: MakeAlert, people: list[str], status: RunStatus
) -> None:
    who = {
        "U3SHOP": Actor(Person("U3SHOP", groups=frozenset({"S0SHOP1"}))),
        "U4UNKNOWN": Actor(Person("U4UNKNOWN", unknown={"S0SHOP1": "Slack does not answer"})),
    }
    approval = {"approvers": ["U1OWN", "U2SRE", "U3SHOP", "U4UNKNOWN"], "required": 2, "other_team": True}
    here = await night(pipeline, rules=Rules(teams=TEAMS), restart=book(approval=approval))
    await here.pipeline.send(alert())
    [run] = await here.pipeline.runs_of(await here.pipeline.only_incident())
    for person in people:
        run = await _approve(here, run, who.get(person, person))
    assert run.status is status
    if status is RunStatus.PROPOSED:
        timeline = await here.pipeline.timeline_of(await here.pipeline.only_incident())
        assert "Approved: Restart checkout (somebody of another team must, too)" in timeline


async def test_an_edited_plan_has_a_hash_of_its_own_and_what_was_approved_before_counts_no_longer(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    pipeline.database.use_seal(Seal(b"a key that is long enough for this"))
    approval = {"approvers": ["U1", "U2"], "required": 2}
    here = await night(pipeline, restart=book(**SCALE, approval=approval))
    await here.pipeline.send(alert())
    incident = await here.pipeline.only_incident()
    [run] = await here.pipeline.runs_of(incident)
    await _approve(here, run, "U2")
    edited = await _edit(here, run, replicas="5")
    assert edited.plan.steps[0].parameters["argv"] == ["true", "--to=5"]
    assert (edited.decisions, edited.plan_hash == run.plan_hash) == ([], False)
    expected = "Edited: Restart checkout: replicas 3 → 5. Approvals of before count no longer"
    assert expected in await here.pipeline.timeline_of(incident)
    with pytest.raises(Refused, match="The plan is no longer the one that this button was for"):
        await _approve(here, run)
    await _approve(here, edited, "U2")
    approved = await _approve(here, edited)
    assert approved.status is RunStatus.APPROVED
    assert await here.steps.begin(Claim(run.id, ""))
    assert "run.edited" in await _actions(here, run)


@pytest.mark.parametrize("replicas", ["11", "0", "many", "", "3"])
async def test_what_is_out_of_bounds_or_changes_nothing_is_refused(
    pipeline: Pipeline, alert: MakeAlert, replicas: str
) -> None:
    here = await night(pipeline, restart=book(**SCALE))
    await here.pipeline.send(alert())
    [run] = await here.pipeline.runs_of(await here.pipeline.only_incident())
    with pytest.raises(Refused) as refusal:
        await _edit(here, run, replicas=replicas)
    assert isinstance(refusal.value, BadParameters) == (replicas != "3")
    assert (await here.load(run)).plan_hash == run.plan_hash


async def test_only_approvers_edit_and_no_other_parameter_than_is_described(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline, restart=book(**SCALE))
    await here.pipeline.send(alert())
    [run] = await here.pipeline.runs_of(await here.pipeline.only_incident())
    with pytest.raises(Refused, match="You may not edit “Restart checkout”"):
        await _edit(here, run, "U2", replicas="5")
    with pytest.raises(BadParameters, match="the runbook has no such parameter"):
        await _edit(here, run, title="mine")


async def test_a_plan_that_was_changed_past_tandem_is_not_edited(pipeline: Pipeline, alert: MakeAlert) -> None:
    pipeline.database.use_seal(Seal(b"a key that is long enough for this"))
    here = await night(pipeline, restart=book(**SCALE))
    await here.pipeline.send(alert())
    [run] = await here.pipeline.runs_of(await here.pipeline.only_incident())
    async with here.pipeline.database.write() as connection:
        await runs.save(connection, [msgspec.structs.replace(run, approvers=["U1", "U6"])])
    with pytest.raises(Refused, match="was changed in the database past Tandem"):
        await _edit(here, run, replicas="5")
