"""An update that promised the next one: whoever communicates is reminded when that is due, once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.domain.deed import Role, promised_in
from bot.domain.event import AlertEvent
from bot.domain.incident import Incident, TimelineEntry
from bot.incidents import lifecycle, ownership
from bot.incidents.beside.next_update import UpdateReminders, remind
from bot.notify.incident_card import card_of
from bot.notify.slack.render import render
from bot.notify.view import IncidentView
from bot.storage.queries import incidents
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


async def _said(pipeline: Pipeline, incident: Incident) -> list[TimelineEntry]:
    async with pipeline.database.read() as connection:
        found = await incidents.timeline_of(connection, incident.id)
    return [entry for _, entry in found if "promised" in entry.text]


def _reminders(pipeline: Pipeline, shown: list[str] | None = None) -> UpdateReminders:
    return UpdateReminders(pipeline.database, pipeline.clock, lambda: (shown if shown is not None else []).append("x"))


async def _promise(pipeline: Pipeline, text: str = "Carts work. Next update in 30 min.", by: str = "U0ADA") -> Incident:
    incident = await pipeline.only_incident()
    return await ownership.update(pipeline.database, incident.id, text, by, pipeline.clock())


async def test_whoever_communicates_is_reminded_once_when_it_is_due(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    incident = await _promise(pipeline)
    assert incident.next_update_at == pipeline.clock() + timedelta(minutes=30)
    await ownership.give_role(pipeline.database, incident.id, Role.LEAD, "U0BOB", "U0ADA", pipeline.clock())
    shown: list[str] = []
    reminders = _reminders(pipeline, shown)
    assert await reminders.look() == 15.0
    pipeline.clock.pass_(minutes=29, seconds=55)
    assert await reminders.look() == 5.0 and await _said(pipeline, incident) == []
    pipeline.clock.pass_(seconds=5)
    for _ in range(3):
        await reminders.look()
    await _reminders(pipeline).look()
    [entry] = await _said(pipeline, incident)
    assert (entry.person, entry.actor, shown) == ("U0BOB", "tandem", ["x"])
    assert entry.text.startswith("The update that was promised for ") and entry.text.endswith("is due: @U0BOB")
    assert (await pipeline.only_incident()).next_update_at is None


async def test_of_replicas_that_remind_at_once_one_does(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    incident = await _promise(pipeline)
    pipeline.clock.pass_(minutes=31)
    done = await asyncio.gather(*(remind(pipeline.database, incident.id, pipeline.clock()) for _ in range(4)))
    assert sorted(done) == [False, False, False, True]
    [entry] = await _said(pipeline, incident)
    assert entry.person == "U0ADA", "who promised it, where nobody has a role"


@pytest.mark.parametrize("then", ["another update", "a later promise", "resolved", "a note"])
async def test_only_what_is_due_and_has_not_come_is_reminded_of(
    pipeline: Pipeline, alert: MakeAlert, then: str
) -> None:
    await pipeline.send(alert())
    incident = await _promise(pipeline)
    pipeline.clock.pass_(minutes=10)
    if then == "another update":
        await _promise(pipeline, "All is well so far.")
    elif then == "a later promise":
        await _promise(pipeline, "Still looking, will update you again in an hour")
    elif then == "resolved":
        await lifecycle.resolve(pipeline.database, incident.id, "U0ADA", pipeline.clock())
    else:
        await ownership.note(pipeline.database, incident.id, "replica 3 was restarted", "U0ADA", pipeline.clock())
    pipeline.clock.pass_(minutes=21)
    await _reminders(pipeline).look()
    assert len(await _said(pipeline, incident)) == (1 if then == "a note" else 0)
    pipeline.clock.pass_(minutes=40)
    await _reminders(pipeline).look()
    assert len(await _said(pipeline, incident)) == (1 if then in ("a note", "a later promise") else 0)


async def test_one_that_reopens_does_not_remind_of_what_was_promised_before_it_was_over(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    incident = await _promise(pipeline)
    await lifecycle.resolve(pipeline.database, incident.id, "U0ADA", pipeline.clock())
    pipeline.clock.pass_(hours=2)
    await lifecycle.reopen(pipeline.database, incident.id, "U0ADA", pipeline.clock())
    await _reminders(pipeline).look()
    assert await _said(pipeline, incident) == []
    await _promise(pipeline, "next update in 5m")
    pipeline.clock.pass_(minutes=5)
    await _reminders(pipeline).look()
    assert len(await _said(pipeline, incident)) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_its_message_says_until_then_when_the_next_comes(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    incident = await _promise(pipeline)
    view = IncidentView(incident=incident, tallies=[], runs=[], steps=[], example=None, now=pipeline.clock())
    shown = str(render(card_of(view)))
    assert "Next update by <!date^" in shown


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("Next update in 30 min.", 30),
        ("NEXT UPDATE: 15m", 15),
        ("next update is due within 1 hour", 60),
        ("We will update you again in about 45 minutes", 45),
        ("Update follows in half an hour", 30),
        ("another update in 1h30m", 90),
        ("another update in 1 hour and 15 minutes", 75),
        ("Rolled back. Next update in an hour, or sooner", 60),
        ("next update in 2 days", 2880),
        ("the next update made it worse", None),
        ("rolled back the update 30 min ago", None),
        ("the update of 5 hosts", None),
        ("next update in 10 days", None),
        ("next update in 0 min", None),
        ("next update soon", None),
    ],
)
def test_a_promise_is_read_as_people_write_it(text: str, minutes: int | None) -> None:
    assert promised_in(text) == (timedelta(minutes=minutes) if minutes else None)
