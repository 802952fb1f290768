"""Questions are answered from what is stored, with evidence, and where nothing is known the answer says so."""

import time
from datetime import timedelta

from bot.domain.oncall.schedule import Schedule
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.questions.answering import answer, load
from bot.questions.question import Knowledge, all_questions, suggested
from bot.routing.schedules.roster import Roster
from bot.storage.database import Database
from bot.watches.configured import watches
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.integration.questions.night import RULES, night, shop


async def test_what_changed_names_the_change_before_it_began_with_who_when_and_link(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    found = await night(database, inbox, clock)
    given = await found.asked("what changed?")
    assert "deploy of db v42" in given.says or "deployed v42" in given.says
    [line] = given.lines
    assert "by ada" in line.text and line.url == "https://ci.example/42" and "before it began" in line.text
    assert "No change of cdn was reported" in (await found.asked("what changed on cdn?")).says


async def test_a_change_of_another_domain_is_never_told_of(database: Database, inbox: Inbox, clock: Clock) -> None:
    found = await shop(database, inbox, clock)
    elsewhere = found.deploy("db", "secret of us-2", 5, labels={"cluster": "us-2"})
    anywhere = found.deploy("db", "of any cluster", 6, id="2")
    await found.pipeline.send(elsewhere, anywhere)
    await found.pipeline.send(found.fires(service="db", cluster="eu-1"))
    given = (await found.asked("what changed?")).text
    assert "of any cluster" in given and "secret" not in given


async def test_what_depends_on_it_says_who_of_them_is_affected(database: Database, inbox: Inbox, clock: Clock) -> None:
    found = await night(database, inbox, clock)
    given = await found.asked("what depends on it?")
    assert given.says.startswith("2 services depend on db: 1 of them") and "Marked critical: web" in given.says
    assert [line.text for line in given.lines] == [
        "api (directly): HighLatency fires",
        "web (through 1 other): no alert",
    ]
    assert "db (2 steps away)" in (await found.asked("what does web depend on?")).text


async def test_a_measure_is_shown_with_a_chart_also_from_what_another_process_stored(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    found = await night(database, inbox, clock)
    given = await found.asked("show latency of db for 1 h")
    assert given.chart is not None and len(given.chart.x) == 60 and given.chart.unit == "s"
    assert given.says.startswith("latency (p95) of db, last 1h: usually ") and "1 min ago" in given.says
    assert "More than 2h 30m is not kept" in (await found.asked("latency of db for 5 hours")).says
    found.histories.clear()
    clock.pass_(minutes=6)
    found.pipeline.worker._watches = watches(found.pipeline.rules, clock)
    stored = await found.asked("show latency of db for 2 h")
    assert stored.chart is not None and "latency (p95) of db" in stored.says
    nothing = await found.asked("show latency of nowhere")
    assert nothing.chart is not None  # it names no service that is known, so the suspect's is shown


async def test_before_and_after_are_compared(database: Database, inbox: Inbox, clock: Clock) -> None:
    found = await night(database, inbox, clock)
    given = await found.asked("compare before and after")
    assert "latency (p95) of db" in given.says and "before" in given.says and given.chart is not None
    assert any("alert" in line.text for line in given.lines)


async def test_why_gives_the_evidence_and_the_other_candidates_and_never_a_cause_that_is_not_clear(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    found = await night(database, inbox, clock)
    incident = await found.pipeline.only_incident()
    given = await found.asked("why do you think so?")
    assert given.says.startswith(incident.causes[0].phrase) and "% likely" in given.says
    assert {line.text for line in given.lines} >= set(incident.causes[0].evidence)
    clear = await shop(database, inbox, clock)
    await clear.pipeline.send(clear.fires(service="alone", cluster="other"))
    assert "I name none rather than guess" in (await clear.asked("why?")).says


async def test_whether_it_goes_on_is_told_from_its_alerts(database: Database, inbox: Inbox, clock: Clock) -> None:
    found = await shop(database, inbox, clock)
    alert = found.fires(service="db")
    await found.pipeline.send(alert)
    assert (await found.asked("is it still happening?")).says.startswith("Yes: 1 alert fires.")
    clock.pass_(minutes=30)
    assert "nobody has confirmed" in (await found.asked("is it still happening?")).says
    await found.pipeline.send(
        found.fires(service="db", status="resolved", starts_at=alert.starts_at, ends_at=clock.now)
    )
    assert (await found.asked("is it over?")).says.startswith("No. It was resolved 0s ago")


async def test_what_would_you_do_names_the_run_that_waits(database: Database, inbox: Inbox, clock: Clock) -> None:
    found = await night(database, inbox, clock)
    given = await found.asked("what would you do?")
    assert "“Restart the database” fits" in given.says and "waits for approval" in given.says
    none = await shop(database, inbox, clock, Rules())
    await none.pipeline.send(none.fires(service="alone", cluster="other"))
    assert (await none.asked("what would you do?")).says.startswith("No runbook fits")


async def test_what_it_was_last_time_is_told_with_what_it_was_then(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    found = await shop(database, inbox, clock)
    await found.pipeline.send(found.fires(service="db"))
    assert "No incident of the past" in (await found.asked("what was it last time?")).says
    first = await found.pipeline.only_incident()
    clock.pass_(minutes=14)
    ended = found.fires(service="db", status="resolved", starts_at=first.opened_at, ends_at=clock.now)
    await found.pipeline.send(ended)
    clock.pass_(hours=3)
    await found.pipeline.send(found.fires(service="db"))
    given = await found.asked("what was it last time?")
    assert "the likest is #1, 3h 14m ago" in given.says and "lasted 14m" in given.lines[0].text


async def test_who_is_on_call_and_who_has_it(database: Database, inbox: Inbox, clock: Clock) -> None:
    found = await shop(database, inbox, clock)
    await found.pipeline.send(found.fires(service="db"))
    assert "No schedule is described" in (await found.asked("who is on call?")).says
    assert (await found.asked("who has it?")).says.startswith("Nobody has it yet")
    schedule = Schedule.model_validate({"rotation": ["U0ADA", "U0BEN"], "handover": "mon 09:00", "zone": "UTC"})
    roster = Roster(database, {"shop": schedule}, {}, clock)
    knowledge = Knowledge(database, RULES, roster)
    situation = await load(knowledge, await found.pipeline.only_incident(), clock.now)
    given = await answer(knowledge, situation, all_questions()["oncall"])
    [line] = given.lines
    assert line.text == "on call in shop, until 2026-03-02 09:00 UTC"
    assert line.people and line.people[0] in ("U0ADA", "U0BEN")


async def test_every_question_has_an_answer_for_every_incident_within_two_seconds(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    found = await night(database, inbox, clock)
    empty = await Pipeline(database, inbox, clock, Rules()).prepare()
    await empty.send(found.fires(service="", cluster="other", alertname="Odd"))
    for incident in await found.pipeline.incidents():
        for name in all_questions():
            begun = time.monotonic()
            given = await found.asked(name, incident)
            assert given.says and given.asked == name and len(given.lines) <= 12
            assert time.monotonic() - begun < 2


async def test_suggestions_fit_the_incident(database: Database, inbox: Inbox, clock: Clock) -> None:
    found = await night(database, inbox, clock)
    situation = await load(found.knowledge, await found.pipeline.only_incident(), clock.now + timedelta(0))
    assert next(one.name for one in suggested(situation, 5)) == "why"
    assert "last_time" not in [one.name for one in suggested(situation, 20)]
