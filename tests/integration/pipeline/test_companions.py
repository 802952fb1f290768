"""What was troubled near in time again and again belongs together, also where no topology says why."""

from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console

from bot.commands.parts.topology import Learnt, print_learnt
from bot.config import Config
from bot.domain.event import AlertEvent
from bot.domain.matcher import Matcher
from bot.incidents.regroup import split_by_hand
from bot.storage.queries import co_occurrence
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


async def _trouble(pipeline: Pipeline, alert: MakeAlert, clock: Clock, *services: str) -> list[list[str]]:
    """Trouble at each of the services, a few seconds apart; returns the services of each incident that this made."""
    before = len(await pipeline.incidents())
    for service in services:
        await pipeline.send(alert(service=service, alertname=f"{service} is slow"))
        clock.pass_(seconds=10)
    made = [incident.services for incident in (await pipeline.incidents())[before:]]
    await pipeline.send(*(alert("resolved", service=service, alertname=f"{service} is slow") for service in services))
    clock.pass_(hours=2)
    return made


async def test_after_three_coincidences_the_fourth_is_one_incident(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    for _ in range(3):  # two would do, had the first not faded a little by then
        assert await _trouble(pipeline, alert, clock, "web", "mail") == [["web"], ["mail"]]
    assert await _trouble(pipeline, alert, clock, "web", "mail") == [["web", "mail"]]


async def test_services_that_break_at_different_times_stay_apart(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    for _ in range(4):
        await _trouble(pipeline, alert, clock, "web")
        await _trouble(pipeline, alert, clock, "mail")
    assert await _trouble(pipeline, alert, clock, "web", "mail") == [["web"], ["mail"]]


async def test_incidents_that_resolve_in_one_batch_are_learnt_from_like_those_that_resolve_one_by_one(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    for _ in range(3):
        for service in ("web", "mail", "cron"):
            await pipeline.send(alert(service=service, alertname=f"{service} is slow"))
        for service in ("web", "mail", "cron"):
            await pipeline.send(alert("resolved", service=service, alertname=f"{service} is slow"))
        clock.pass_(hours=2)
    assert await _trouble(pipeline, alert, clock, "web", "mail", "cron") == [["web", "mail", "cron"]]


async def test_a_person_who_splits_sets_the_services_apart(pipeline: Pipeline, alert: MakeAlert, clock: Clock) -> None:
    for _ in range(3):
        await _trouble(pipeline, alert, clock, "web", "mail")
    await pipeline.send(alert(service="web"), alert(service="mail"))
    number = (await pipeline.incidents())[-1].number
    await split_by_hand(pipeline.database, number, [Matcher("service", "=", "mail")], "U1", clock.now)
    await pipeline.send(alert("resolved", service="web"), alert("resolved", service="mail"))
    clock.pass_(hours=2)
    assert await _trouble(pipeline, alert, clock, "web", "mail") == [["web"], ["mail"]]


async def _burst(pipeline: Pipeline, alert: MakeAlert, clock: Clock, name: str) -> list[list[str]]:
    before = {incident.id for incident in await pipeline.incidents()}
    for n in range(6):
        await pipeline.send(alert(service=f"{name}{n}", alertname=f"{name}{n} is slow"))
        clock.pass_(seconds=8)
    found = [one for one in await pipeline.incidents() if one.id not in before and one.part_of is None]
    return [sorted(one.services) for one in found]


async def test_a_burst_is_one_incident_where_it_is_known_how_often_services_break(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    assert len(await _burst(pipeline, alert, clock, "early")) == 6, "nobody knows the domain yet"
    clock.pass_(minutes=30)
    assert await _burst(pipeline, alert, clock, "late") == [[f"late{n}" for n in range(6)]]


async def test_some_minutes_after_its_first_incident_a_domain_is_known_if_little_came_since(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert(service="first", alertname="first is slow"))
    clock.pass_(minutes=6)
    assert await _burst(pipeline, alert, clock, "known") == [[f"known{n}" for n in range(6)]]


async def test_a_domain_in_which_something_new_breaks_all_the_time_has_no_bursts(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    for n in range(40):
        await pipeline.send(alert(service=f"one{n}", alertname=f"one{n} is slow"))
        clock.pass_(seconds=25)
    assert len(await _burst(pipeline, alert, clock, "more")) == 6


@pytest.mark.parametrize("ended", [True, False])
async def test_after_days_without_an_incident_a_burst_is_one(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock, ended: bool
) -> None:
    """Nothing came up since then, which tells more than an hour of trouble does."""
    await pipeline.send(alert(service="long", alertname="long ago"))
    if ended:
        await pipeline.send(alert("resolved", service="long", alertname="long ago"))
    clock.pass_(hours=72)
    assert await _burst(pipeline, alert, clock, "late") == [[f"late{n}" for n in range(6)]]


async def _asked(pipeline: Pipeline, config: Config) -> str:
    async with pipeline.database.read() as connection:
        together = await co_occurrence.most_together(connection, pipeline.clock.now)
    out = Console(file=StringIO(), width=200)
    print_learnt(Learnt([], together), config, pipeline.clock.now, out)
    return str(out.file.getvalue())  # type: ignore[attr-defined]


async def test_people_are_asked_about_services_that_are_in_trouble_together_again_and_again(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    for _ in range(6):
        await _trouble(pipeline, alert, clock, "checkout", "payments")
        await _trouble(pipeline, alert, clock, "mail")
    question = "checkout and payments were in trouble together 6 of 6 times: does one depend on the other?"
    assert question in await _asked(pipeline, Config())
    assert "mail" not in await _asked(pipeline, Config())
    described = Config.model_validate({"services": {"checkout": {"depends_on": ["payments"]}}})
    assert question not in await _asked(pipeline, described)


async def test_people_are_not_asked_about_what_happened_together_twice_or_was_split(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    for _ in range(3):
        await _trouble(pipeline, alert, clock, "web", "cart")
    async with pipeline.database.write() as connection:
        pairs = [("a", "b"), ("b", "a")]
        for _ in range(6):
            await co_occurrence.learn(
                connection, 0, "", dict.fromkeys([*pairs, ("a", "a"), ("b", "b")], 1.0), clock.now
            )
        await co_occurrence.set_apart(connection, 0, "", pairs, clock.now)
    assert "together" not in await _asked(pipeline, Config())
