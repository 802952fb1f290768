"""``gate``: goes on only where a challenger does better than the champion, by more than chance would explain.

Whatever scores models answers, for each of the two, the loss of every row of one data set: ``{"ids": […],
"losses": […]}``, and if it likes ``"data"``, the name or digest of the data. Both must have scored the same rows. On
each data set the challenger's mean loss must be less by more than ``by``, at the lower end of a confidence interval.
"""

import asyncio
from datetime import timedelta
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bot.domain.duration import Duration
from bot.errors import TandemError
from bot.remediation.executors.json_step import JsonAnswer, Request, described, perform
from bot.remediation.executors.registry import executor
from bot.remediation.executors.step import Outcome, StepContext, StepParameters, presentable
from detectors.performance.compare import Comparison, compare

MAX_ROWS = 200_000
_SHOWN = 80


class Pair(BaseModel):
    """Where the losses of both models on one data set are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    champion: Request
    challenger: Request


class GateParameters(StepParameters):
    """``on`` names the data sets, such as recent labelled data and the pinned reference."""

    timeout: Duration = timedelta(minutes=5)
    """How long all answers may take."""
    repeatable: bool = True
    """A gate changes nothing."""
    on: Annotated[dict[str, Pair], Field(min_length=1, max_length=5)]
    """The data sets: for each, where the losses of `champion` and `challenger` are."""
    by: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """By how much the challenger must be better."""
    confidence: float = Field(default=0.95, ge=0.5, le=0.999)
    """The confidence of the interval."""
    rows: int = Field(default=200, ge=20, le=MAX_ROWS)
    """The least rows to compare."""


class _Losses(msgspec.Struct, frozen=True):
    ids: Annotated[list[str | int], msgspec.Meta(max_length=MAX_ROWS)]
    losses: Annotated[list[float], msgspec.Meta(max_length=MAX_ROWS)]
    data: str = ""


class _Compared(NamedTuple):
    """``on`` says which rows, in the runbook's words and the scorer's."""

    on: str
    found: Comparison


class _Unfit(TandemError):
    """What was answered cannot be compared; the message says why."""


def describe(parameters: GateParameters) -> str:
    lines = [
        f"go on only if the challenger's mean loss is less by more than {parameters.by:g} "
        f"({parameters.confidence:.4g} confidence, paired bootstrap, {parameters.rows} rows or more)"
    ]
    for name, pair in parameters.on.items():
        lines += [f"  on {name}: champion {described(pair.champion)}", f"    challenger {described(pair.challenger)}"]
    return "\n".join(lines)


@executor("gate", GateParameters, describe, holds_steps=True)
async def run(parameters: GateParameters, context: StepContext) -> Outcome:
    seconds = parameters.timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            compared = [await _compared(name, pair, parameters, context) for name, pair in parameters.on.items()]
    except TimeoutError:
        return Outcome(False, f"the models were not compared within {seconds:g} s")
    except _Unfit as error:
        return Outcome(False, f"not compared: {error}")
    passed = all(found.low > parameters.by for _, found in compared)
    lines = [_line(one, parameters) for one in compared]
    verdict = "the challenger is better" if passed else "the challenger is not shown to be better"
    text = "\n".join([*lines, verdict]).encode(errors="replace")
    return Outcome(passed, presentable(text, 0, context.hidden))


async def _compared(name: str, pair: Pair, parameters: GateParameters, context: StepContext) -> _Compared:
    champion = _losses_in(await perform(pair.champion, context), f"{name}, champion")
    challenger = _losses_in(await perform(pair.challenger, context), f"{name}, challenger")
    if champion.data != challenger.data:
        raise _Unfit(f"{name}: the champion was scored on {champion.data!r}, the challenger on {challenger.data!r}")
    theirs = dict(zip(challenger.ids, challenger.losses, strict=True))
    if theirs.keys() != set(champion.ids):
        raise _Unfit(f"{name}: the two were not scored on the same rows")
    if len(theirs) < parameters.rows:
        raise _Unfit(f"{name}: {len(theirs)} rows are too few, {parameters.rows} are asked for")
    ours, others = np.array(champion.losses), np.array([theirs[one] for one in champion.ids])
    try:
        found = await asyncio.to_thread(compare, ours, others, parameters.confidence)
    except ValueError as error:
        raise _Unfit(f"{name}: {error}") from error
    return _Compared(f"{name} ({champion.data[:_SHOWN]})" if champion.data else name, found)


def _losses_in(answer: JsonAnswer, whose: str) -> _Losses:
    if not answer.ok:
        raise _Unfit(f"{whose}: {answer.text}")
    try:
        losses = msgspec.convert(answer.value, _Losses)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise _Unfit(f"{whose}: {error}") from error
    if len(losses.ids) != len(losses.losses):
        raise _Unfit(f"{whose}: {len(losses.ids)} ids and {len(losses.losses)} losses")
    if len(set(losses.ids)) != len(losses.ids):
        raise _Unfit(f"{whose}: an id is there twice")
    return losses


def _line(one: _Compared, parameters: GateParameters) -> str:
    found, percent = one.found, f"{parameters.confidence * 100:.4g} %"
    interval = f"{percent} interval {found.low:.4g} to {found.high:.4g}, {found.rows:,} rows"
    losses = f"mean loss {found.challenger:.4g} of the challenger, {found.champion:.4g} of the champion"
    return f"{one.on}: better by {found.better:.4g} ({interval}); {losses}"
