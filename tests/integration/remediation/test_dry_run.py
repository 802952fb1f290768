"""Dry run: what an offer would change is shown before anybody approves it, and what then runs is compared with it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.run import Run, RunStatus, StepStatus
from bot.errors import Refused
from bot.inbox.inbox import Inbox
from bot.localslack import LocalSlack
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from bot.remediation.approval import decide
from bot.remediation.executors import Protection
from bot.remediation.executors.step import MAX_OUTPUT
from bot.remediation.offers.looking import EVERY
from bot.remediation.offers.step_previews import StepPreviews
from bot.remediation.starting import Start
from bot.remediation.steps import Steps
from bot.storage.database import Database
from bot.storage.queries import audit, runs
from handlers.api.descriptions import run_shape
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SECRET = "a-secret-of-the-scaler"


class DryRun:
    """A night whose offers are previewed, and a scaler that answers requests and can lie."""

    def __init__(self, on: Night, slack: LocalSlack) -> None:
        self.on, self.database = on, on.pipeline.database
        protection = Protection(hidden=(SECRET,))
        start = Start(on.records, on.terms)
        on.steps = self.steps = Steps(on.records, {"SCALER": SECRET}, start, on.verifier, protection)
        self.previews = StepPreviews(self.database, self.steps.foresee, on.pipeline.clock, lambda: None, lambda: True)
        channel = SlackChannel(AsyncWebClient(slack.bot_token, base_url=slack.api_url), "incidents")
        self.slack, self.notifier = slack, Notifier(self.database, channel, on.pipeline.clock, interval=0)

    async def run(self) -> Run:
        [run] = await self.on.pipeline.runs_of(await self.on.pipeline.only_incident())
        return run

    async def look(self) -> None:
        async with self.database.read() as connection:
            offered = await runs.with_status(connection, [RunStatus.PROPOSED])
        await self.previews.look(offered)

    async def previewed(self) -> Run:
        """The offer, once it was previewed at this moment."""
        await self.look()

        async def kept() -> bool:
            preview = (await self.run()).preview
            return preview is not None and preview.at == self.on.pipeline.clock.now

        await until(kept, "the offer is previewed")
        return await self.run()

    async def approve(self, run: Run) -> Run:
        """As the button of the message that was shown when ``run`` was read."""
        shown = f"{run.plan_hash}:{run.preview.hash}" if run.preview else run.plan_hash
        return await decide(self.database, self.on.terms, run.id, shown, "U1", "approve", self.on.pipeline.clock.now)

    async def said(self, run: Run) -> str:
        """What the steps of a run that is over said."""
        async with self.database.read() as connection:
            return "\n".join(step.output for step in await runs.steps_of(connection, [run.id]))

    async def message(self) -> str:
        while await self.notifier.reconcile():
            pass
        [message] = self.slack.messages("incidents")
        return json.dumps(message["blocks"], ensure_ascii=False)


Begin = Callable[..., Any]


@pytest.fixture
async def begin(database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert) -> AsyncIterator[Begin]:
    begun = list[DryRun]()
    async with LocalSlack() as slack:

        async def make(*steps: dict[str, Any]) -> DryRun:
            restart = book(steps=list(steps), rollback=[], verify={"alerts_resolved": False})
            made = DryRun(await night(Pipeline(database, inbox, clock, Rules()), restart=restart), slack)
            await made.on.pipeline.send(alert())
            begun.append(made)
            return made

        yield make
        for one in begun:
            await one.previews.close()


def _copy(folder: Path, **preview: Any) -> dict[str, Any]:
    (folder / "wanted").write_text("5\n")
    program = folder / "apply"
    program.write_text(f"#!/bin/sh\ncat {folder}/really 2>/dev/null || cat {folder}/wanted; touch {folder}/done\n")
    program.chmod(0o755)
    return {"command": {"argv": [str(program)], "preview": {"argv": ["cat", f"{folder}/wanted"], **preview}}}


@on_sqlite
async def test_what_an_offer_would_change_stands_in_its_message_and_nothing_has_run(
    begin: Begin, tmp_path: Path
) -> None:
    night = await begin(_copy(tmp_path), {"command": {"argv": ["true"]}})
    assert "What it would change is being found out" in await night.message()
    run = await night.previewed()
    message = await night.message()
    assert "what it would change" in message and "\\n5\\n" in message
    assert "Of 1 other step no preview is shown" in message, "the second one gives none"
    assert not (tmp_path / "done").exists() and run.status is RunStatus.PROPOSED
    shape = run_shape(run, [])
    assert shape.preview is not None and shape.preview.hash == run.preview.hash
    assert [(one.possible, one.ok, one.output) for one in shape.preview.steps] == [
        (True, True, "5"),
        (False, False, "no preview is possible of this command (its runbook gives no `preview`)"),
    ]


@on_sqlite
async def test_an_offer_of_which_no_step_can_be_previewed_says_so(begin: Begin) -> None:
    night = await begin({"command": {"argv": ["true"]}})
    assert "no preview is possible" in await night.message()
    await night.look()
    assert (await night.run()).preview is None, "and there is nothing to find out"


async def test_the_approval_names_the_preview_that_it_was_made_on(begin: Begin, tmp_path: Path) -> None:
    night = await begin(_copy(tmp_path))
    run = await night.previewed()
    approved = await night.approve(run)
    assert [one.preview for one in approved.decisions] == [run.preview.hash]
    async with night.database.read() as connection:
        [entry] = [one for one in await audit.entries(connection) if one["action"] == "run.approve"]
    assert json.loads(entry["details"])["preview"] == run.preview.hash


@on_sqlite
async def test_nobody_approves_on_a_preview_that_is_out_of_date(begin: Begin, tmp_path: Path) -> None:
    night = await begin(_copy(tmp_path))
    seen = await night.previewed()
    (tmp_path / "wanted").write_text("50\n")
    night.on.pipeline.clock.pass_(seconds=EVERY.total_seconds())
    now = await night.previewed()
    assert now.preview.hash != seen.preview.hash
    with pytest.raises(Refused, match="no longer what its preview showed"):
        await night.approve(seen)
    assert (await night.approve(now)).status is RunStatus.APPROVED


@on_sqlite
async def test_a_step_that_would_change_something_else_by_now_is_not_performed(begin: Begin, tmp_path: Path) -> None:
    night = await begin(_copy(tmp_path, same="output"))
    run = await night.approve(await night.previewed())
    (tmp_path / "wanted").write_text("50\n")
    ended = await night.on.carry_out(run)
    assert ended.status is RunStatus.FAILED and not (tmp_path / "done").exists()
    assert "not what its preview showed before the approval: nothing was done" in await night.said(ended)


@on_sqlite
async def test_a_preview_that_lied_fails_the_step(begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "really").write_text("500\n")
    night = await begin(_copy(tmp_path, same="output"))
    ended = await night.on.carry_out(await night.approve(await night.previewed()))
    assert ended.status is RunStatus.FAILED
    assert "something else than its preview showed" in await night.said(ended)


@on_sqlite
async def test_a_step_that_does_what_its_preview_showed_succeeds(begin: Begin, tmp_path: Path) -> None:
    night = await begin(_copy(tmp_path, same="output"))
    ended = await night.on.carry_out(await night.approve(await night.previewed()))
    assert (ended.status, (tmp_path / "done").exists()) == (RunStatus.SUCCEEDED, True)


@on_sqlite
async def test_a_preview_that_was_swapped_in_the_database_lets_nothing_run(begin: Begin, tmp_path: Path) -> None:
    night = await begin(_copy(tmp_path, same="output"))
    run = await night.approve(await night.previewed())
    (tmp_path / "wanted").write_text("50\n")
    [step] = run.preview.steps
    forged = msgspec.structs.replace(run.preview, steps=[msgspec.structs.replace(step, digest="")])
    async with night.database.write() as connection:
        await runs.save_preview(connection, run.id, forged)
    assert (await night.on.carry_out(run)).status is RunStatus.FAILED and not (tmp_path / "done").exists()


@on_sqlite
async def test_a_program_that_exits_otherwise_would_fail_unless_that_is_expected(begin: Begin, tmp_path: Path) -> None:
    night = await begin({"command": {"argv": ["true"], "preview": ["false"]}})
    run = await night.previewed()
    assert not run.preview.ok and "it would fail" in await night.message()
    assert run.preview.steps[0].output == "exit code 1"
    other = await night.steps.foresee(
        _with(run, {"argv": ["true"], "preview": {"argv": ["false"], "expect": [0, 1]}}), 0
    )
    assert other is not None and other.ok


@on_sqlite
async def test_what_shall_be_the_same_and_is_not_in_the_answer_makes_a_preview_fail(begin: Begin) -> None:
    night = await begin({"command": {"argv": ["true"], "preview": {"argv": ["echo", "{}"], "same": ["replicas"]}}})
    run = await night.previewed()
    assert not run.preview.ok and "could not be compared" in run.preview.steps[0].output


def _with(run: Run, parameters: dict[str, Any]) -> Run:
    step = msgspec.structs.replace(run.plan.steps[0], parameters=parameters)
    return msgspec.structs.replace(run, plan=msgspec.structs.replace(run.plan, steps=[step]))


class _Scaler:
    """Answers a request with what it does; with ``dry`` it only says so. It can lie, hang, and say far too much."""

    def __init__(self) -> None:
        self.replicas, self.lies, self.noise, self.seen = 3, 0, "", list[str]()
        self.free = asyncio.Event()
        self.free.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append(request.headers.get("Authorization", ""))
        await self.free.wait()
        wanted = int(request.query["to"])
        if "dry" not in request.query:
            self.replicas = wanted = wanted + self.lies
        return web.json_response(
            {"spec": {"replicas": wanted}, "token": SECRET, "noise": self.noise, "n": len(self.seen)}
        )


@pytest.fixture
async def scaler() -> AsyncIterator[tuple[_Scaler, str]]:
    scaler, app = _Scaler(), web.Application()
    app.router.add_route("*", "/scale", scaler.answer)
    async with TestServer(app) as server:
        yield scaler, str(server.make_url("/scale"))
        scaler.free.set()


def _request(url: str, **preview: Any) -> dict[str, Any]:
    headers = {"Authorization": {"secret": "SCALER", "prefix": "Bearer "}}
    same = {"same": ["spec.replicas"], **preview}
    return {"http": {"url": f"{url}?to=5", "headers": headers, "preview": {"url": f"{url}?to=5&dry=1", **same}}}


@on_sqlite
async def test_a_request_is_previewed_by_another_one_with_its_headers_and_no_secret_is_shown(
    begin: Begin, scaler: tuple[_Scaler, str]
) -> None:
    server, url = scaler
    night = await begin(_request(url))
    run = await night.previewed()
    assert (server.replicas, server.seen) == (3, [f"Bearer {SECRET}"])
    assert '"replicas": 5' in run.preview.steps[0].output and SECRET not in run.preview.steps[0].output
    assert SECRET not in await night.message()
    ended = await night.on.carry_out(await night.approve(run))
    assert (ended.status, server.replicas) == (RunStatus.SUCCEEDED, 5), "what else is in the answer may differ"


@on_sqlite
async def test_a_server_that_does_something_else_than_it_showed_is_found_out(
    begin: Begin, scaler: tuple[_Scaler, str]
) -> None:
    server, url = scaler
    server.lies = 1
    night = await begin(_request(url))
    ended = await night.on.carry_out(await night.approve(await night.previewed()))
    assert ended.status is RunStatus.FAILED
    async with night.database.read() as connection:
        [step] = await runs.steps_of(connection, [ended.id])
    assert step.status is StepStatus.FAILED and "something else than its preview showed" in step.output


@on_sqlite
async def test_an_answer_that_is_long_is_cut_and_still_compared(begin: Begin, scaler: tuple[_Scaler, str]) -> None:
    server, url = scaler
    server.noise = "x" * 100_000
    night = await begin(_request(url))
    run = await night.previewed()
    assert run.preview.ok and len(run.preview.steps[0].output) < MAX_OUTPUT
    assert (await night.on.carry_out(await night.approve(run))).status is RunStatus.SUCCEEDED


@on_sqlite
async def test_a_preview_that_does_not_answer_is_given_up_and_says_so(
    begin: Begin, scaler: tuple[_Scaler, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, url = scaler
    server.free.clear()
    monkeypatch.setattr("bot.remediation.offers.step_previews.TIMEOUT", 0.3)
    night = await begin(_request(url))
    run = await night.previewed()
    assert not run.preview.ok and run.preview.steps[0].output == "not previewed: no answer within 0.3 s"
    assert (await night.approve(run)).status is RunStatus.APPROVED, "people may approve it all the same"
