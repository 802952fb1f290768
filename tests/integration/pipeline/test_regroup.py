"""People merge and split incidents, and the grouping learns from it."""

from collections.abc import Callable

import pytest

from bot.domain.event import AlertEvent
from bot.domain.incident import IncidentStatus
from bot.domain.matcher import Matcher
from bot.errors import Refused
from bot.incidents.regroup import merge_by_hand, split_by_hand
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
CART = [Matcher("service", "=", "cart")]


async def test_a_merge_keeps_both_numbers_and_later_alerts_of_both_meet(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    await pipeline.send(alert(service="cart"))
    kept = await merge_by_hand(pipeline.database, 2, 1, "U1", clock.now)
    first, second = await pipeline.incidents()
    assert (first.number, first.services, first.open) == (1, ["checkout", "cart"], True)
    assert (second.number, second.status) == (2, IncidentStatus.RESOLVED)
    assert "Took in incident #2" in await pipeline.timeline_of(kept)
    assert "Became part of incident #1" in await pipeline.timeline_of(second)
    await pipeline.send(alert(service="cart", alertname="QueueFull"))
    assert len(await pipeline.alerts_of(first)) == 3
    clock.pass_(hours=2)
    await pipeline.send(alert(service="cart", alertname="Slow"), alert(alertname="Slow"))
    assert [incident.services for incident in await pipeline.incidents()][2:] == [["cart", "checkout"]]


async def test_a_split_gives_what_matches_an_incident_of_its_own(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert(group="g"), alert(service="cart", group="g", severity="critical"))
    old, new = await split_by_hand(pipeline.database, 1, CART, "U1", clock.now)
    assert (old.services, old.severity) == (["checkout"], "warning")
    assert (new.number, new.services, new.severity, new.title) == (2, ["cart"], "critical", "cart is slow")
    assert [found.service for found in await pipeline.alerts_of(new)] == ["cart"]
    await pipeline.send(alert("resolved", service="cart", group="g", severity="critical"))
    assert [incident.open for incident in await pipeline.incidents()] == [True, False]


@pytest.mark.parametrize("matchers", [[Matcher("service", "=", "nobody")], [Matcher("service", "=~", ".*")]])
async def test_a_split_leaves_something_on_both_sides(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock, matchers: list[Matcher]
) -> None:
    await pipeline.send(alert(group="g"), alert(service="cart", group="g"))
    with pytest.raises(Refused, match="some must leave, and some must stay"):
        await split_by_hand(pipeline.database, 1, matchers, "U1", clock.now)


async def test_what_cannot_be_merged_is_refused_in_words(pipeline: Pipeline, alert: MakeAlert, clock: Clock) -> None:
    await pipeline.send(alert(cluster="eu"), alert(cluster="us"))
    for gone, kept, why in ((1, 1, "Name two"), (1, 9, "no incident #9"), (1, 2, "never meet")):
        with pytest.raises(Refused, match=why):
            await merge_by_hand(pipeline.database, gone, kept, "U1", clock.now)
