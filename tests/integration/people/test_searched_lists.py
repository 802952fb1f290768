"""Forms with a list of incidents: where more are open than Slack takes in one, the list is searched in."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.event import AlertEvent
from bot.domain.rules import CorrelationRules, Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries.listed import opened
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.handlers.slack_workspace import CHANNEL, GUEST, MEMBER, Office, office
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
MANY = 103
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def many(database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert) -> Pipeline:
    """Open incidents of one domain, and one of another; the service of each is its title."""
    rules = Rules(correlation=CorrelationRules(partition_by=["cluster"]))
    pipeline = await Pipeline(database, inbox, clock, rules).prepare()
    every = [alert(alertname=f"Odd{at}", service=f"shop-{at:03d}", cluster="eu") for at in range(MANY)]
    await pipeline.send(*every, alert(alertname="Other", service="shop-us", cluster="us"))
    assert len(await pipeline.incidents()) == MANY + 1
    return pipeline


async def _form(at: Office) -> dict[str, Any]:
    async def opened() -> bool:
        return at.slack.view(MEMBER) is not None

    await until(opened, "a form is open")
    return dict(at.slack.view(MEMBER) or {})


def _shown(options: list[dict[str, Any]]) -> list[str]:
    return [option["text"]["text"] for option in options]


@on_sqlite
async def test_a_message_is_noted_in_an_incident_that_was_searched_for(many: Pipeline) -> None:
    async with office(many, {}) as at:
        ts = await at.slack.post(MEMBER, CHANNEL, "I see timeouts as well")
        await at.slack.shortcut(MEMBER, "incident.note_of_message", CHANNEL, ts)
        element = (await _form(at))["blocks"][0]["element"]
        assert element["type"] == "external_select"
        assert len(await at.slack.suggest(MEMBER, element["action_id"], "")) == 100
        typed = [
            await at.slack.suggest(MEMBER, element["action_id"], text) for text in ("SHOP-101", "shop", "SHOP-101") * 2
        ]
        assert [len(options) for options in typed] == [1, 100, 1, 1, 100, 1], "typed twice within a second"
        [option] = typed[-1]
        assert await at.slack.suggest(MEMBER, element["action_id"], "100% nothing_like\x00 this") == []
        assert await at.slack.submit_view(MEMBER, {"incident": {"selected_option": option}}) == {}
    [noted] = [one for one in await many.incidents() if one.id == option["value"]]
    assert any("I see timeouts as well" in line for line in await many.timeline_of(noted))


@on_sqlite
async def test_an_incident_is_merged_into_another_of_its_domain_that_was_searched_for(many: Pipeline) -> None:
    gone = next(one for one in await many.incidents() if one.domain == "eu")
    async with office(many, {"permissions": {"merge": [MEMBER]}}) as at:
        status, _ = await at.clicked(
            MEMBER, "incident.merge", gone.id, trigger_id=at.slack._workspace.new_trigger(MEMBER)
        )
        assert status == 200
        action = (await _form(at))["blocks"][0]["element"]["action_id"]
        assert await at.slack.suggest(MEMBER, action, "shop-us") == []
        assert not any(
            shown.startswith(f"#{gone.number} ")
            for shown in _shown(await at.slack.suggest(MEMBER, action, f"#{gone.number}"))
        )
        [option] = await at.slack.suggest(MEMBER, action, "shop-050")
        at.slack._workspace.views[GUEST] = at.slack._workspace.views[MEMBER]
        assert await at.slack.suggest(GUEST, action, "shop-050") == [], "who may not merge finds nothing"
        assert await at.slack.submit_view(MEMBER, {"into": {"selected_option": option}}) == {}
    [merged] = [one for one in await many.incidents() if one.id == gone.id]
    assert not merged.open and merged.part_of


async def test_incidents_are_found_by_the_beginning_of_a_number_or_a_part_of_the_title(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    for at in range(12):
        await pipeline.send(alert(alertname="Odd", service=f"{'ABCDEFGHIJKL'[at]}_x%"))
    found: dict[str, list[int]] = {}
    async with pipeline.database.read() as connection:
        for typed in ("1", "#1", "#", "_X%", "e_x", "%a", "  ", "nothing"):
            found[typed] = sorted(one.number for one in await opened.find(connection, typed, 100))
    everything = list(range(1, 13))
    assert found["1"] == found["#1"] == [1, 10, 11, 12]
    assert found["#"] == found["_X%"] == found["  "] == everything
    assert (found["e_x"], found["%a"], found["nothing"]) == ([5], [], [])
