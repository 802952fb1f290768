"""A drill goes the whole way of a run, changes nothing, and counts for nothing."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from bot.commands.registry import assemble
from bot.domain.event import AlertEvent
from bot.domain.guards.freeze import GuardRules
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from bot.domain.run import Run, RunStatus
from bot.domain.runbook import Runbook, definition_hash
from bot.errors import Refused
from bot.integrations.outgoing.envelope import event_for
from bot.notify.run_card import run_card
from bot.notify.view import IncidentView
from bot.remediation.approval import decide
from bot.remediation.autonomy.record import record_of
from bot.remediation.drills.live import begin_drill, close_drills
from bot.remediation.drills.rehearsal import Means, rehearse
from bot.remediation.drills.schedule import FAILED, ScheduledDrills
from bot.remediation.drills.subject import Wanted
from bot.remediation.offers.by_hand import propose_by_hand
from bot.remediation.offers.step_previews import preview_of
from bot.storage.queries import audit, runs
from bot.storage.queries.deeds import anew
from bot.storage.queries.listed.feed import happenings
from bot.storage.queries.listed.statistics import lives_since
from bot.storage.seal import Seal
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]
QUERY = {"prometheus": "main", "expr": "errors", "below": 0.5}
ALWAYS = {"freeze": [{"name": "always", "at": "00:00", "lasts": "24h"}]}
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _book(folder: Path, **more: Any) -> Runbook:
    """It makes a file; its preview says so."""
    step = {"argv": ["touch", str(folder / "done")], "preview": ["echo", "makes a file"]}
    return book(**{"steps": [{"command": step}], "limits": {"per_hour": 1, "cooldown": "1h"}, **more})


async def _begin(here: Night, number: int | None = None) -> tuple[Incident, Run]:
    wanted = Wanted("restart", number, 1)
    return await begin_drill(here.pipeline.database, here.terms, wanted, "U1", here.pipeline.clock.now)


async def _approved(here: Night, run: Run) -> Run:
    now = here.pipeline.clock.now
    return await decide(here.pipeline.database, here.terms, run.id, run.plan_hash, "U1", "approve", now)


def _means(here: Night) -> Means:
    return Means(here.steps.foresee, here.steps.read_query)


@on_sqlite
async def test_an_approved_drill_ends_well_and_has_done_nothing(pipeline: Pipeline, tmp_path: Path) -> None:
    here = await night(pipeline, restart=_book(tmp_path))
    incident, run = await _begin(here)
    assert (incident.title, incident.services, incident.drill) == ("🧪 Drill: Restart checkout", ["checkout"], True)
    preview = await preview_of(run, here.steps.foresee, pipeline.clock.now)
    assert [step.output for step in preview.steps] == ["makes a file"]
    ended = await here.carry_out(await _approved(here, run))
    assert ended.status is RunStatus.SUCCEEDED and "nothing was changed" in ended.outcome
    assert not (tmp_path / "done").exists()
    timeline = await here.pipeline.timeline_of(incident)
    assert any("Drill: nothing was done. It would: makes a file" in text for text in timeline)
    assert await close_drills(here.pipeline.database, pipeline.clock.now)
    assert not (await here.pipeline.only_incident()).open
    assert not await close_drills(here.pipeline.database, pipeline.clock.now)


@on_sqlite
async def test_a_drill_counts_for_nothing_and_is_marked_for_others(
    pipeline: Pipeline, alert: MakeAlert, tmp_path: Path
) -> None:
    here = await night(pipeline, restart=_book(tmp_path))
    incident, run = await _begin(here)
    await here.carry_out(await _approved(here, run))
    assert here.records.seconds_since_end(run) is None
    async with here.pipeline.database.read() as connection:
        assert await lives_since(connection, pipeline.clock.now - timedelta(days=1)) == []
        for domain in ("", incident.domain):
            assert await record_of(connection, domain, "restart", run.plan.definition, "unknown") == []
        bodies = [event_for("itsm", one, pipeline.clock.now).body for one in await happenings(connection, 0, 100)]
    assert bodies and all('"drill":true' in body for body in bodies)
    await here.pipeline.send(alert())
    assert len(await here.pipeline.incidents()) == 2, "no alert becomes part of a drill"
    [other] = [one for one in await here.pipeline.incidents() if not one.drill]
    [real] = await here.pipeline.runs_of(other)
    assert real.holds == [] and not real.drill, "neither the cool-down nor the runs of an hour count it"
    here.at(1, lambda: here.pipeline.send(alert("resolved")))
    assert (await here.carry_out(await _approved(here, real))).status is RunStatus.SUCCEEDED
    assert (tmp_path / "done").exists()


@on_sqlite
async def test_nothing_real_is_proposed_in_a_drill(pipeline: Pipeline, tmp_path: Path) -> None:
    here = await night(pipeline, restart=_book(tmp_path))
    incident, _ = await _begin(here)
    with pytest.raises(Refused, match="is a drill: nothing is proposed in it for real"):
        await propose_by_hand(here.pipeline.database, here.terms, "restart", incident.id, "U1", pipeline.clock.now)
    async with here.pipeline.database.write() as connection:
        await anew.ask(connection, incident.id, incident.partition)
    await here.pipeline.worker.tick()
    assert [one.drill for one in await here.pipeline.runs_of(incident)] == [True]


@on_sqlite
async def test_an_approved_drill_cannot_be_made_real_in_the_database(pipeline: Pipeline, tmp_path: Path) -> None:
    here = await night(pipeline, restart=_book(tmp_path))
    here.pipeline.database.use_seal(Seal(b"a key that is long enough for this"))
    _, run = await _begin(here)
    approved = await _approved(here, run)
    async with here.pipeline.database.write() as connection:
        await runs.save(connection, [msgspec.structs.replace(approved, drill=False)])
    assert (await here.carry_out(approved)).status is RunStatus.FAILED
    assert not (tmp_path / "done").exists()


@on_sqlite
async def test_the_guards_hold_in_a_drill_as_in_a_run(pipeline: Pipeline, tmp_path: Path) -> None:
    rules = Rules(guards=GuardRules.model_validate(ALWAYS))
    here = await night(pipeline, rules=rules, restart=_book(tmp_path))
    _, run = await _begin(here)
    assert [hold.name for hold in run.holds] == ["always"]
    with pytest.raises(Refused, match="may not be run now because of the freeze window “always”"):
        await _approved(here, run)


async def test_a_drill_is_like_the_incident_that_is_named_or_the_last_one(
    pipeline: Pipeline, alert: MakeAlert, tmp_path: Path
) -> None:
    pod = _book(tmp_path, steps=[{"command": {"argv": ["restart", "${labels.pod}"]}}])
    here = await night(pipeline, restart=pod)
    with pytest.raises(Refused, match="give an incident that it is like"):
        await _begin(here)
    await here.pipeline.send(alert(pod="web-1"))
    await here.pipeline.send(alert("resolved", pod="web-1"))
    for number in (1, None):
        _, run = await _begin(here, number)
        assert run.plan.steps[0].text == "restart web-1"
    with pytest.raises(Refused, match="There is no incident #7"):
        await _begin(here, 7)


@on_sqlite
async def test_a_drill_whose_verification_could_not_read_its_evidence_fails(pipeline: Pipeline, tmp_path: Path) -> None:
    here = await night(pipeline, restart=_book(tmp_path, verify={"query": QUERY, "within": "60s"}))
    _, run = await _begin(here)
    ended = await here.carry_out(await _approved(here, run))
    assert ended.status is RunStatus.FAILED and "The verification would fail: errors cannot be read" in ended.outcome


@on_sqlite
async def test_a_rehearsal_says_what_would_fail_and_writes_nothing(pipeline: Pipeline, tmp_path: Path) -> None:
    fails = {"argv": ["touch", str(tmp_path / "done")], "preview": ["false"]}
    here = await night(pipeline, restart=_book(tmp_path, steps=[{"command": fails}], verify={"query": QUERY}))
    wanted = Wanted("restart", None, 1)
    found = await rehearse(here.pipeline.database, here.terms, _means(here), wanted, pipeline.clock.now)
    unread = "evidence: errors cannot be read: no Prometheus is known here"
    assert found.failures == ["preview of step 1: exit code 1", unread]
    assert await here.pipeline.incidents() == [] and not (tmp_path / "done").exists()
    async with here.pipeline.database.read() as connection:
        assert await audit.entries(connection) == []


@on_sqlite
async def test_a_rehearsal_of_an_unknown_runbook_names_the_nearest(pipeline: Pipeline, tmp_path: Path) -> None:
    here = await night(pipeline, restart=_book(tmp_path))
    wanted = Wanted("restrat", None, 1)
    with pytest.raises(Refused, match="did you mean 'restart'"):
        await rehearse(here.pipeline.database, here.terms, _means(here), wanted, pipeline.clock.now)


@on_sqlite
async def test_a_scheduled_drill_that_fails_is_an_alert_until_one_passes(pipeline: Pipeline, tmp_path: Path) -> None:
    good = {"argv": ["true"], "preview": ["test", "-e", str(tmp_path / "registry")]}
    scheduled = _book(tmp_path, steps=[{"command": good}], drill={"every": "1d"})
    here = await night(pipeline, restart=scheduled)
    drills = ScheduledDrills(here.pipeline.services, here.terms, _means(here), lambda: True)
    await drills.hold_due()
    await here.pipeline.worker.drain()
    incident = await here.pipeline.only_incident()
    [alert] = await here.pipeline.alerts_of(incident)
    assert (alert.name, alert.service, alert.firing) == (FAILED, "runbook/restart", True)
    assert "so it may fail when it is needed: preview of step 1" in alert.annotations["summary"]
    assert await here.pipeline.runs_of(incident) == [], "the runbook is not offered for that"
    (tmp_path / "registry").touch()
    await drills.hold_due()
    await here.pipeline.worker.drain()
    assert (await here.pipeline.only_incident()).open, "the next one is a day later"
    pipeline.clock.pass_(seconds=86_400)
    await drills.hold_due()
    await here.pipeline.worker.drain()
    assert not (await here.pipeline.only_incident()).open


@on_sqlite
async def test_a_scheduled_drill_that_passes_tells_nobody(pipeline: Pipeline, tmp_path: Path) -> None:
    here = await night(pipeline, restart=_book(tmp_path, drill={"every": "1d"}))
    await ScheduledDrills(here.pipeline.services, here.terms, _means(here), lambda: True).hold_due()
    await here.pipeline.worker.drain()
    assert await here.pipeline.incidents() == []


def test_a_schedule_is_no_part_of_what_people_approve(tmp_path: Path) -> None:
    assert definition_hash(_book(tmp_path, drill={"every": "1d"})) == definition_hash(_book(tmp_path))


@on_sqlite
async def test_the_message_of_a_drill_says_so(pipeline: Pipeline, tmp_path: Path) -> None:
    here = await night(pipeline, restart=_book(tmp_path))
    incident, run = await _begin(here)
    offer = run_card(
        run, IncidentView(incident=incident, tallies=[], runs=[run], steps=[], example=None, now=pipeline.clock.now)
    ).offer
    assert offer is not None and offer.drill
    assert offer.buttons[0].label == "Drill: approve Restart checkout"


CONFIG = """
runbooks:
  restart:
    title: Restart checkout
    when: {{service: checkout}}
    steps: [{{command: {{argv: [touch, "{folder}/done"], preview: [{preview}]}}}}]
    approval: {{approvers: ["U012AB3CD"]}}
"""


@pytest.mark.parametrize(
    "preview, code, said", [("echo, it restarts", 0, "It would work"), ("'false'", 1, "would fail")]
)
def test_the_command_rehearses_before_tandem_has_ever_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preview: str, code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tandem.yaml").write_text(CONFIG.format(folder=tmp_path, preview=preview))
    done = CliRunner().invoke(assemble(), ["drill", "restart"])
    assert (done.exit_code, said in done.output) == (code, True), done.output
    assert "U012AB3CD" in done.output and "touch" in done.output
    assert not (tmp_path / "done").exists() and not list(tmp_path.glob(".tandem/*.db"))
    assert CliRunner().invoke(assemble(), ["drill", "restrat"]).exit_code == 1
