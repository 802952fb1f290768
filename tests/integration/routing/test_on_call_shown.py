"""The message says who is on call for its incident, and calls nobody by that."""

from collections.abc import Callable

from bot.domain.event import AlertEvent
from bot.incidents import lifecycle
from bot.localslack import LocalSlack
from bot.notify.channels.routed import Routed
from bot.storage.queries.routing import Place
from tests.integration.pipeline_driver import Pipeline
from tests.integration.routing.team import BOSS, SHOP, Office

MakeAlert = Callable[..., AlertEvent]
ROUTE = {**SHOP, "mention": [{"schedule": "shop"}]}


async def test_who_is_on_call_in_the_schedule_of_its_route_stands_beside_the_owner(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    async with LocalSlack(channels=("incidents", "shop")) as slack:
        office = Office(pipeline, slack, [ROUTE])
        await office.send(alert(team="shop"))
        [shown] = office.blocks("shop")
        assert f"nobody has it yet · on call: <@{BOSS}>" in shown
        incident = await pipeline.only_incident()
        await lifecycle.acknowledge(pipeline.database, incident.id, "U012AB3CD", pipeline.clock())
        await office.publish()
        [shown] = office.blocks("shop")
        assert f"on call: <@{BOSS}>" in shown


async def test_a_new_message_names_nobody_on_call_whom_it_does_not_mention() -> None:
    asked: list[str] = []

    async def on_call(schedule: str) -> list[str]:
        asked.append(schedule)
        return ["U0SECOND1"]

    routed = Routed({"#shop"}, on_call=on_call, schedules={"shop": ["nights", "days"]})
    places = [Place("#shop")]
    assert await routed.on_call_for("shop", places) == ["U0SECOND1"]
    assert await routed.on_call_for("shop", places) == ["U0SECOND1"]
    assert asked == ["nights", "days"], "not asked again within a minute"
    assert await routed.on_call_for(None, places) == []
