"""The executor ``pipeline``: starts over HTTP or by a command, asks until the end, and tells the metrics."""

import sys
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from bot.domain.run import PlannedStep
from bot.remediation.executors import Outcome, describe, execute, parameters_of
from tests.integration.executors.contexts import context

SECRETS = {"TOKEN": "s3cr3t-of-the-scheduler"}
HEADERS = {"Authorization": {"secret": "TOKEN", "prefix": "Bearer "}}
RUN_ID = "manual__2026-03-01T12:00:00+00:00"


class Scheduler:
    """A scheduler of pipelines: a run goes through the states that a test gives it."""

    def __init__(self) -> None:
        self.states: deque[Any] = deque(["queued", "running", "success"])
        self.started = 0
        self.asked: list[str] = []
        app = web.Application()
        app.router.add_post("/runs", self._start)
        app.router.add_get("/runs/{run}", self._state)
        self.server = TestServer(app)

    async def _start(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer s3cr3t-of-the-scheduler"
        self.started += 1
        return web.json_response({"dag_run": {"id": RUN_ID}, "state": "queued"}, status=201)

    async def _state(self, request: web.Request) -> web.Response:
        self.asked.append(request.match_info["run"])
        state = self.states.popleft() if len(self.states) > 1 else self.states[0]
        if state is None:
            return web.Response(status=502, text="bad gateway")
        return web.json_response({"state": state, "metrics": {"mape": 0.081, "note": "x", "rows": 1200}})

    def url(self, path: str) -> str:
        return str(self.server.make_url("/")) + path


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    made = Scheduler()
    async with made.server:
        yield made


def step(scheduler: Scheduler, **given: Any) -> dict[str, Any]:
    start = {"http": {"url": scheduler.url("runs"), "headers": HEADERS, "body": {"conf": {}}}}
    poll = {"http": {"method": "GET", "url": scheduler.url("runs/{run}")}}
    usual = {"start": start, "run": "dag_run.id", "poll": poll, "metrics": "metrics", "every": "10ms"}
    return {name: value for name, value in (usual | given).items() if value is not None}


async def run(parameters: dict[str, Any]) -> Outcome:
    return await execute(PlannedStep("pipeline", parameters), context(SECRETS))


async def test_a_pipeline_is_started_once_and_asked_for_until_it_has_ended(scheduler: Scheduler) -> None:
    outcome = await run(step(scheduler))
    assert outcome == Outcome(True, "the pipeline has ended: success\nmape: 0.081\nrows: 1200")
    assert scheduler.started == 1
    assert scheduler.asked == [RUN_ID] * 3


async def test_a_pipeline_that_fails_is_a_step_that_fails(scheduler: Scheduler) -> None:
    scheduler.states = deque(["running", "Failed"])
    outcome = await run(step(scheduler))
    assert not outcome.ok and outcome.output.startswith("the pipeline has ended: Failed")


async def test_an_answer_that_fails_now_and_then_is_asked_for_again(scheduler: Scheduler) -> None:
    scheduler.states = deque([None, None, None, None, "running", None, None, None, None, "success"])
    assert (await run(step(scheduler))).ok


async def test_a_scheduler_that_is_gone_is_not_asked_for_ever(scheduler: Scheduler) -> None:
    scheduler.states = deque([None])
    outcome = await run(step(scheduler))
    assert outcome == Outcome(False, "5 answers in a row had no state at 'state'\nHTTP 502\nbad gateway")
    assert len(scheduler.asked) == 5


async def test_a_pipeline_that_does_not_end_is_given_up_and_said_to_run(scheduler: Scheduler) -> None:
    scheduler.states = deque(["running"])
    outcome = await run(step(scheduler, timeout="300ms"))
    assert outcome == Outcome(False, "the pipeline has not ended within 0.3 s; it may be running still")


async def test_an_answer_without_the_runs_id_is_said_and_nothing_is_asked(scheduler: Scheduler) -> None:
    outcome = await run(step(scheduler, run="id"))
    assert not outcome.ok and "no run's id is at 'id' of the answer" in outcome.output
    assert scheduler.asked == []


async def test_a_secret_is_not_shown_where_the_scheduler_repeats_it(scheduler: Scheduler) -> None:
    start = {"http": {"url": scheduler.url("runs/s3cr3t-of-the-scheduler"), "headers": HEADERS}}
    outcome = await run(step(scheduler, start=start))
    assert not outcome.ok and "s3cr3t" not in outcome.output


async def test_a_command_may_start_a_pipeline_and_tell_the_metrics_when_it_ends() -> None:
    program = 'print(\'training\'); print(\'{"metrics": [{"key": "mape", "value": 0.07}]}\')'
    outcome = await run({"start": {"command": {"argv": [sys.executable, "-c", program]}}, "metrics": "metrics"})
    assert outcome == Outcome(True, "the pipeline has ended\nmape: 0.07")


async def test_a_command_may_ask_with_the_runs_id_among_its_arguments(scheduler: Scheduler) -> None:
    program = "import json, sys; print(json.dumps({'state': 'success', 'metrics': {'length': len(sys.argv[1])}}))"
    poll = {"command": {"argv": [sys.executable, "-c", program, "{run}"]}}
    outcome = await run(step(scheduler, poll=poll))
    assert outcome.output == f"the pipeline has ended: success\nlength: {len(RUN_ID)}"


def test_the_step_is_shown_with_all_that_it_will_ask(scheduler: Scheduler) -> None:
    url = "https://scheduler/runs"
    start = {"http": {"url": url, "headers": HEADERS, "body": {"conf": {}}}}
    poll = {"http": {"method": "GET", "url": f"{url}/{{run}}"}}
    shown = describe("pipeline", parameters_of("pipeline", {"start": start, "run": "id", "poll": poll}))
    assert shown == (
        "start a pipeline: POST https://scheduler/runs\nAuthorization: Bearer <secret TOKEN>\n"
        '{"conf":{}}\nthen every 15 s, for 3600 s at most: GET https://scheduler/runs/{run}'
    )


@pytest.mark.parametrize(
    "given, why",
    [
        ({"run": None}, "give both or neither"),
        ({"poll": {"http": {"url": "https://h/x"}}}, "give both or neither"),
        ({"poll": {"http": {"url": "https://{run}.h/x"}}}, "may not choose the host"),
        ({"poll": {"http": {"url": "https://h/{run}"}, "command": {"argv": ["x"]}}}, "say either http or command"),
        ({"every": "0s"}, "every"),
    ],
)
async def test_what_does_not_fit_together_is_refused(scheduler: Scheduler, given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        parameters_of("pipeline", step(scheduler, **given))
