"""``pipeline``: starts a pipeline, such as a retraining, polls until it has ended, and reports its metrics.

Whoever starts it is asked in JSON; the id of the run that it answers stands for ``{run}`` in what asks for its state.
A step that is given up leaves the pipeline running: nobody but its own scheduler knows how to stop it well.
"""

import asyncio
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from pydantic import Field, model_validator
from yarl import URL

from bot.domain.duration import Duration
from bot.remediation.executors.answers import at_path
from bot.remediation.executors.json_step import JsonAnswer, JsonStep, described, perform
from bot.remediation.executors.registry import executor
from bot.remediation.executors.step import Outcome, StepContext, StepParameters

_RUN = "{run}"
_RUN_ID = re.compile(r"[A-Za-z0-9][\w.:+~-]{0,199}", re.ASCII)
_MISSED_IN_A_ROW = 5
_MOST_METRICS = 50
_SUCCEEDED = ["success", "succeeded", "completed", "complete", "finished"]
_FAILED = ["failed", "failure", "error", "cancelled", "canceled", "killed", "aborted", "stopped", "skipped"]


class PipelineParameters(StepParameters):
    timeout: Duration = timedelta(hours=1)
    """How long the pipeline may take."""
    start: JsonStep
    """The http or command step that starts it."""
    run: str | None = Field(default=None, min_length=1)
    """Where in the answer of `start` the run's id is."""
    poll: JsonStep | None = None
    """The http or command step that reads the state, with `{run}`."""
    state: str = Field(default="state", min_length=1)
    """Where in the answer of `poll` the state is: text, or true, false or null."""
    succeeded: list[str] = Field(default=_SUCCEEDED, min_length=1)
    """States that are success."""
    failed: list[str] = _FAILED
    """States that are failure."""
    metrics: str | None = Field(default=None, min_length=1)
    """Where in the answer metrics are, to be shown."""
    every: Duration = timedelta(seconds=15)
    """How often the state is read."""

    @model_validator(mode="after")
    def _fits_together(self) -> "PipelineParameters":
        if self.every <= timedelta(0):
            raise ValueError("every: some time passes between two questions")
        polled = described(self.poll) if self.poll else ""
        if (_RUN in polled) != (self.run is not None):
            raise ValueError("run says where start answers the run's id, which poll has as {run}: give both or neither")
        if self.poll and self.poll.http and _RUN in str(URL(self.poll.http.url).authority):
            raise ValueError("poll: {run} may not choose the host that is called")
        return self


def describe(parameters: PipelineParameters) -> str:
    lines = [f"start a pipeline: {described(parameters.start)}"]
    if parameters.poll:
        every, most = parameters.every.total_seconds(), parameters.timeout.total_seconds()
        lines.append(f"then every {every:g} s, for {most:g} s at most: {described(parameters.poll)}")
    return "\n".join(lines)


@executor("pipeline", PipelineParameters, describe, holds_steps=True)
async def run(parameters: PipelineParameters, context: StepContext) -> Outcome:
    seconds = parameters.timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            return await _started_and_ended(parameters, context)
    except TimeoutError:
        return Outcome(False, f"the pipeline has not ended within {seconds:g} s; it may be running still")


async def _started_and_ended(parameters: PipelineParameters, context: StepContext) -> Outcome:
    started = await perform(parameters.start, context)
    if not started.ok:
        return Outcome(False, f"the pipeline was not started\n{started.text}")
    if parameters.poll is None:
        return Outcome(True, _report("the pipeline has ended", started, parameters.metrics))
    if parameters.run is None:
        return await _ended(parameters, parameters.poll, context)
    run_id = at_path(started.value, parameters.run)
    if isinstance(run_id, bool) or not isinstance(run_id, str | int) or not _RUN_ID.fullmatch(str(run_id)):
        return Outcome(False, f"it was started, and no run's id is at {parameters.run!r} of the answer\n{started.text}")
    return await _ended(parameters, _of_run(parameters.poll, str(run_id)), context)


def _of_run(poll: JsonStep, run_id: str) -> JsonStep:
    """The question for one run: its id in the address, or in the arguments."""
    if poll.http is not None:
        url = poll.http.url.replace(_RUN, quote(run_id, safe=""))
        return JsonStep(http=poll.http.model_copy(update={"url": url}))
    assert poll.command is not None  # as its validator saw to
    argv = [argument.replace(_RUN, run_id) for argument in poll.command.argv]
    return JsonStep(command=poll.command.model_copy(update={"argv": argv}))


async def _ended(parameters: PipelineParameters, poll: JsonStep, context: StepContext) -> Outcome:
    """Ask until the state is a last one. A question that fails is asked again, a few times in a row."""
    missed = 0
    while True:
        answer = await perform(poll, context)
        state = _state_in(answer.value, parameters.state) if answer.ok else None
        missed = 0 if state is not None else missed + 1
        if missed >= _MISSED_IN_A_ROW:
            return Outcome(False, f"{missed} answers in a row had no state at {parameters.state!r}\n{answer.text}")
        word = state.casefold() if state is not None else ""
        if word in map(str.casefold, parameters.succeeded):
            return Outcome(True, _report(f"the pipeline has ended: {state}", answer, parameters.metrics))
        if word in map(str.casefold, parameters.failed):
            return Outcome(False, f"the pipeline has ended: {state}\n{answer.text}")
        await asyncio.sleep(parameters.every.total_seconds())


def _state_in(answer: Any, path: str) -> str | None:
    """The state in words: of a verdict `true`, `false` or `null`; None where the answer has none."""
    above, _, name = path.rpartition(".")
    found, around = at_path(answer, path), at_path(answer, above) if above else answer
    if found is None and isinstance(around, dict) and name in around:
        return "null"
    if isinstance(found, bool):
        return "true" if found else "false"
    return found if isinstance(found, str) else None


def _report(text: str, answer: JsonAnswer, path: str | None) -> str:
    metrics = at_path(answer.value, path) if path else None
    return "\n".join([text, *_lines(metrics)])


def _lines(metrics: Any) -> list[str]:
    """Metrics by name, or as a list of keys and values, as MLflow writes them."""
    if isinstance(metrics, list):
        metrics = {one.get("key"): one.get("value") for one in metrics if isinstance(one, dict)}
    if not isinstance(metrics, dict):
        return []
    numbers = {str(name)[:100]: value for name, value in metrics.items() if isinstance(value, int | float)}
    return [f"{name}: {value:g}" for name, value in list(numbers.items())[:_MOST_METRICS]]
