"""A shop with something of everything that pages show, for a browser and for the picture of the docs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bot.domain.event import AlertEvent
from bot.domain.oncall.schedule import Schedule
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.incidents.guarding import guards_of
from bot.remediation.approval import Terms, decide
from bot.routing.schedules.roster import Roster
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.remediation.runs_driver import book
from tests.integration.watches.models_driver import MODEL, Models, rules_for
from tests.integration.watches.test_models_apart import reference, send

DEPENDS_ON = {
    "web": ["checkout", "search", "login"],
    "app": ["checkout", "search"],
    "checkout": ["payments", "cart", "fraud"],
    "cart": ["db"],
    "payments": ["db"],
    "search": ["index"],
    "login": ["db"],
    MODEL: ["features"],
    "fraud": ["features"],
}


class Story(NamedTuple):
    """``number`` is that of the incident of the database."""

    pipeline: Models
    roster: Roster
    number: int


async def shop(database: Database, inbox: Inbox, clock: Clock, alert: Callable[..., AlertEvent], folder: Path) -> Story:
    """The database fills up, a run is approved for it, a flaky alert comes again and again, and a model drifts."""
    clean = book(title="Remove old archives", when={"service": "db"}, approval={"approvers": ["UANA"]})
    monitors = ({"kind": "drift", "window": {"rows": 500}}, {"kind": "prediction_drift"})
    rules = rules_for(*monitors, depends_on=DEPENDS_ON, runbooks={"clean-db": clean})
    here = Models(database, inbox, clock, rules, folder)
    await here.prepare()
    await _flaky(here, alert, clock)
    full = alert(alertname="DiskFull", service="db", severity="critical")
    await here.send(linked(full, {"summary": "the disk of db is 97 % full"}, ""))
    clock.pass_(seconds=40)
    slow = alert(alertname="HighLatency", service="checkout", severity="high")
    await here.send(
        linked(slow, {"summary": "p95 of checkout is 2.4 s"}, ""), alert(alertname="SlowQueries", service="payments")
    )
    await _approve(here, rules, clock)
    clock.pass_(minutes=4)
    random = np.random.default_rng(7)
    await reference(here, random)
    for shift in (0, 0, 3):
        await send(here, {"random": random, "rows": 500}, shift=shift)
        clock.pass_(minutes=20)
    await here.watch.close()
    number = next(one.number for one in await here.incidents() if "db" in one.services)
    return Story(here, _roster(database, clock), number)


async def _flaky(here: Models, alert: Callable[..., AlertEvent], clock: Clock) -> None:
    for name, service, times in (("CertificateProbe", "search", 6), ("QueueDepth", "login", 3)):
        for n in range(times):
            begun, labels = clock(), {"alertname": name, "service": service, "probe": str(n)}
            await here.send(alert(**labels))
            clock.pass_(minutes=5)
            await here.send(alert("resolved", starts_at=begun, ends_at=clock(), **labels))
    clock.pass_(hours=5)


async def _approve(here: Models, rules: Rules, clock: Clock) -> None:
    for incident in await here.incidents():
        for run in await here.runs_of(incident):
            terms = Terms(rules.runbooks, guards_of(rules))
            await decide(here.database, terms, run.id, run.plan_hash, "UANA", "approve", clock())


def _roster(database: Database, clock: Clock) -> Roster:
    written: dict[str, Any] = {"platform": {"rotation": ["Ana", "Ben"]}, "shop": {"rotation": ["Chen"]}}
    known = {name: Schedule.model_validate(one) for name, one in written.items()}
    return Roster(database, known, {"Ana": "UANA000", "Ben": "UBEN000", "Chen": "UCHEN00"}, clock)


def linked(alert: AlertEvent, said: dict[str, str], link: str) -> AlertEvent:
    """With annotations, and a link to its source."""
    return msgspec.structs.replace(alert, annotations=said, link=link)
