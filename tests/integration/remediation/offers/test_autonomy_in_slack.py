"""Earned autonomy in Slack: what was earned and what is missing, and the button that stops it."""

import json
from collections.abc import Callable

import pytest

from bot.domain.event import AlertEvent
from bot.domain.run import RunStatus
from bot.notify.incident_card import card_of
from bot.notify.slack.render import render
from bot.notify.view import load_view
from handlers.slack.calls import Click, SlackEndpoint
from handlers.slack.registry import actions
from handlers.slack.slash import answer
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.offers.test_earned_autonomy import BAD, GOOD, _with_record, earning
from tests.integration.remediation.runs_driver import Night, book

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MakeAlert = Callable[..., AlertEvent]


async def _said(here: Night) -> str:
    endpoint = SlackEndpoint(here.pipeline.database, here.runbooks, here.pipeline.clock, lambda: None)
    return str(await answer(endpoint, "/incident", "autonomy", "U1"))


async def test_the_command_says_what_is_missing(pipeline: Pipeline, alert: MakeAlert) -> None:
    here, _ = await _with_record(pipeline, alert, *[GOOD] * 4, BAD, GOOD, {"earned": False})
    said = await _said(here)
    assert "*restart* for" in said and "not alone yet: 5 verified, 1 bad, 1 not counted" in said
    assert "from runs run-5; lost by run run-4" in said
    assert "Missing: 2 more verified successes that people approve (1 of 3 since its last bad run)" in said


async def test_the_command_says_which_runbooks_run_alone_and_which_never(pipeline: Pipeline, alert: MakeAlert) -> None:
    here, _ = await _with_record(pipeline, alert, *[GOOD] * 4)
    assert "*runs alone* up to severity high: 4 verified, 0 bad" in await _said(here)
    here.runbooks["restart"] = book()
    assert "never alone (no `autonomy` in tandem.yaml): 4 verified" in await _said(here)


async def test_the_announcement_has_a_button_that_stops_it(pipeline: Pipeline, alert: MakeAlert) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3, restart=earning())
    run = await loop.look()
    async with here.pipeline.database.read() as connection:
        view = await load_view(connection, run.incident_id, here.pipeline.clock())
    assert view is not None
    shown = json.dumps(render(card_of(view)).blocks, ensure_ascii=False)
    assert "Tandem runs this by itself at" in shown and "run.stop" in shown
    endpoint = SlackEndpoint(here.pipeline.database, here.runbooks, here.pipeline.clock, lambda: None)
    said = await actions()["run.stop"](Click(endpoint, "U5", here.pipeline.clock(), run.id))
    assert said == (
        "You stopped “Restart checkout”. Tandem runs it by itself no more until people have approved it anew."
    )
    assert (await here.load(run)).status is RunStatus.REJECTED
