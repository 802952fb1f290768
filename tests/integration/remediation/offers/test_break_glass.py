"""“Break the glass” in Slack: the button opens a form, the form overrides the window, and somebody else approves."""

import json
from collections.abc import Callable

import msgspec
import pytest

from bot.domain.access.person import Person
from bot.domain.event import AlertEvent
from bot.domain.guards.freeze import GuardRules
from bot.domain.rules import Rules
from bot.domain.run import Run, RunStatus
from bot.errors import Refused
from bot.incidents.guarding import guards_of
from bot.incidents.permissions import Actor
from bot.notify.incident_card import card_of
from bot.notify.slack.render import render
from bot.notify.view import load_view
from handlers.slack.calls import Click, OpenForm, SlackEndpoint, Submission
from handlers.slack.forms import metadata_in
from handlers.slack.registry import actions, forms
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book, night

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MakeAlert = Callable[..., AlertEvent]
FREEZE = {"name": "release freeze", "at": "00:00", "lasts": "24h", "break_glass": ["S0LEADS1"]}
RULES = Rules(guards=GuardRules.model_validate({"freeze": [FREEZE]}))
LEAD = Actor(Person("U9LEAD", groups=frozenset({"S0LEADS1"})))


async def _offered(here: Night) -> Run:
    [run] = await here.pipeline.runs_of(await here.pipeline.only_incident())
    return run


async def test_the_form_that_the_button_opens_overrides_the_window_for_a_second_person_to_approve(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline, rules=RULES, restart=book(approval={"approvers": ["U1", "U9LEAD"]}))
    await here.pipeline.send(alert())
    run = await _offered(here)
    database, clock = here.pipeline.database, here.pipeline.clock
    endpoint = SlackEndpoint(database, here.runbooks, clock, lambda: None, guards=guards_of(RULES))
    value = f"{run.id}:{run.plan_hash}"
    opened = await actions()["run.break_glass"](Click(endpoint, "U9LEAD", clock(), value, "C0INCIDENTS"))
    assert isinstance(opened, OpenForm)
    channel, about = metadata_in(opened.view)
    assert (channel, about, opened.view["callback_id"]) == ("C0INCIDENTS", value, "run.break_glass")
    submit, reason = forms()["run.break_glass"], {"reason": "shoppers cannot pay"}
    with pytest.raises(Refused, match="You may not override"):
        await submit(Submission(endpoint, "U1", clock(), reason, about))
    said = await submit(Submission(endpoint, LEAD, clock(), reason, about))
    assert said == "The freeze window “release freeze” no longer holds it up. Somebody else must approve it now."
    with pytest.raises(Refused, match="somebody else must approve it"):
        await actions()["run.approve"](Click(endpoint, LEAD, clock(), value))
    await actions()["run.approve"](Click(endpoint, "U1", clock(), value))
    assert (await here.load(run)).status is RunStatus.APPROVED


async def test_the_message_says_what_holds_it_up_and_who_broke_the_glass(pipeline: Pipeline, alert: MakeAlert) -> None:
    rules = msgspec.structs.replace(RULES, depends_on={"web": ["checkout"]}, critical=frozenset({"web"}))
    here = await night(pipeline, rules=rules, restart=book())
    await here.pipeline.send(alert())
    run = await _offered(here)
    before = await _shown(here)
    assert "1 service depends on this, 1 of them critical: web" in before
    assert "*Not to be run now* because of" in before
    assert "the freeze window “release freeze” until" in before
    assert "<!subteam^S0LEADS1> may break the glass" in before
    assert '"run.break_glass' in before
    endpoint = SlackEndpoint(
        here.pipeline.database, here.runbooks, here.pipeline.clock, lambda: None, guards=guards_of(rules)
    )
    about = f"{run.id}:{run.plan_hash}"
    reason = {"reason": "<!channel> shoppers cannot pay"}
    await forms()["run.break_glass"](Submission(endpoint, LEAD, here.pipeline.clock(), reason, about))
    after = await _shown(here)
    assert "broke the glass (release freeze): &lt;!channel&gt; shoppers cannot pay" in after
    assert "Not to be run now" not in after


async def _shown(here: Night) -> str:
    incident = await here.pipeline.only_incident()
    async with here.pipeline.database.read() as connection:
        view = await load_view(connection, incident.id, here.pipeline.clock())
    assert view is not None
    return json.dumps(render(card_of(view)).blocks, ensure_ascii=False)
