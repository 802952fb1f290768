"""What fires again does so in its incident where the cause can be the same, else in a new one that follows it."""

from collections.abc import Callable
from datetime import timedelta

from bot.domain.event import AlertEvent, ChangeEvent, ChangeKind
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
SHOP = Rules(depends_on={"web": ["api"], "api": ["db"]})


def changed(clock: Clock, service: str, kind: ChangeKind = ChangeKind.DEPLOY, ago: float = 60) -> ChangeEvent:
    at = clock.now - timedelta(seconds=ago)
    return ChangeEvent("cd", f"{service}/{at}", service, kind, f"{service} 2.0", at, {"cluster": ""})


async def relapsed(pipeline: Pipeline, alert: MakeAlert, clock: Clock, *between: object) -> list[Incident]:
    """An alert of web that was resolved and fires again four minutes later; before that, these events come in."""
    await pipeline.send(alert(service="web"))
    clock.pass_(minutes=5)
    await pipeline.send(alert("resolved", service="web", ends_at=clock.now))
    clock.pass_(minutes=4)
    for event in between:
        await pipeline.send(event() if callable(event) else event)  # type: ignore[arg-type]
    await pipeline.send(alert(service="web"))
    return await pipeline.incidents()


async def shop(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    return await Pipeline(database, inbox, clock, SHOP).prepare()


async def test_where_nothing_speaks_against_it_the_incident_reopens(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    [incident] = await relapsed(await shop(database, inbox, clock), alert, clock)
    assert incident.open


async def test_a_deploy_since_it_was_over_makes_a_new_incident_that_follows_the_old_one(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await shop(database, inbox, clock)
    first, second = await relapsed(pipeline, alert, clock, lambda: changed(clock, "web"))
    assert (first.open, second.open) == (False, True)
    why = "web was changed after it was over (web 2.0)"
    assert f"Follows #{first.number}, of which an alert fires again, but: {why}" in await pipeline.timeline_of(second)
    assert f"An alert fires again in #{second.number} and not here: {why}" in await pipeline.timeline_of(first)
    assert [(one.service, one.kind) for one in second.causes] == [("web", "change")]


async def test_what_is_changed_elsewhere_or_to_end_the_incident_is_no_other_reason(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await shop(database, inbox, clock)
    elsewhere = lambda: changed(clock, "mail")  # noqa: E731
    back = lambda: changed(clock, "web", ChangeKind.ROLLBACK)  # noqa: E731
    more = lambda: changed(clock, "api", ChangeKind.SCALING)  # noqa: E731
    [incident] = await relapsed(pipeline, alert, clock, elsewhere, back, more)
    assert incident.open


async def test_trouble_below_that_was_not_there_before_takes_the_relapse_in(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await shop(database, inbox, clock)
    disk = lambda: alert(service="db", alertname="DiskFillsUp")  # noqa: E731
    first, second = await relapsed(pipeline, alert, clock, disk)
    assert (first.open, second.services) == (False, ["db", "web"])
    assert "db, on which web depends, is in trouble now and was not then" in (await pipeline.timeline_of(first))[-1]


async def test_an_incident_that_reopens_reads_the_changes_since_it_opened_and_asks_no_ended_alert(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    """The deploy came while it was open, so that it may be why it came back; the full disk of before is over."""
    pipeline = await shop(database, inbox, clock)
    await pipeline.send(alert(service="db", alertname="DiskFillsUp"), alert(service="web"))
    [before] = await pipeline.incidents()
    clock.pass_(minutes=2)
    await pipeline.send(alert("resolved", service="db", alertname="DiskFillsUp", ends_at=clock.now))
    await pipeline.send(changed(clock, "web", ago=1))
    clock.pass_(minutes=1)
    await pipeline.send(alert("resolved", service="web", ends_at=clock.now))
    clock.pass_(minutes=1)
    await pipeline.send(alert(service="web"))
    [after] = await pipeline.incidents()
    assert (before.causes[0].service, before.causes[0].kind) == ("db", "storage")
    assert after.open and (after.causes[0].service, after.causes[0].kind) == ("web", "change")
    assert "; before it was: storage that runs out on db, which nothing speaks for any more" in " ".join(
        await pipeline.timeline_of(after)
    )


async def test_the_timeline_says_when_a_cause_is_held_no_more_and_what_it_was(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    """What else fires is in one group of its sender, as nothing else joins it."""
    wide = Rules(depends_on={"web": ["api"], "api": ["db"]})
    pipeline = await Pipeline(database, inbox, clock, wide).prepare()
    await pipeline.send(alert(service="api", group="g"))
    clock.pass_(seconds=5)
    await pipeline.send(alert(service="web", group="g"))
    [incident] = await pipeline.incidents()
    assert incident.causes[0].service == "api"
    for n in range(8):
        clock.pass_(seconds=5)
        await pipeline.send(alert(service=f"other{n}", group="g"))
        [incident] = await pipeline.incidents()
        if n == 3:
            assert 0.3 <= incident.causes[0].score < 0.5, "held, as nothing else is likelier"
    assert incident.causes == []
    told = [line for line in await pipeline.timeline_of(incident) if "cause" in line.lower()]
    assert told[0].startswith("Likely cause: Trouble that begins at api (web depends on it")
    assert told[1:] == ["The cause is no longer clear: what came since speaks against trouble that begins at api"]
