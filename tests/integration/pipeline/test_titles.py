"""The title of an incident says its cause and how far it reaches, from the first alert to the last."""

from collections.abc import Callable

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
CLIENTS = ["cart", "mail", "pay", "search", "stock"]


async def test_the_cause_is_named_with_what_it_affects_and_in_the_past_when_it_is_over(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    rules = Rules(depends_on={name: ["postgres-main"] for name in CLIENTS})
    pipeline = await Pipeline(database, inbox, clock, rules).prepare()
    down = {"service": "postgres-main", "alertname": "PostgresDown", "severity": "critical"}
    await pipeline.send(alert(**down))
    assert (await pipeline.only_incident()).title == "postgres-main is down"
    clock.pass_(seconds=20)
    await pipeline.send(*(alert(service=name) for name in CLIENTS))
    assert (await pipeline.only_incident()).title == "postgres-main is down: 5 services affected"
    clock.pass_(minutes=5)
    await pipeline.send(*(alert("resolved", service=name) for name in CLIENTS[1:]))
    assert (await pipeline.only_incident()).title == "postgres-main is down: cart affected"
    await pipeline.send(alert("resolved", **down), alert("resolved", service="cart"))
    assert (await pipeline.only_incident()).title == "postgres-main was down: 5 services affected"


async def test_without_a_known_cause_the_worst_is_named_and_others_are_counted_as_others(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await Pipeline(database, inbox, clock, Rules()).prepare()
    await pipeline.send(*(alert(service=name, group="g") for name in CLIENTS), alert(service="mail", severity="high"))
    incident = await pipeline.only_incident()
    assert incident.causes == []
    assert incident.title == "mail is slow: 4 other services affected"
