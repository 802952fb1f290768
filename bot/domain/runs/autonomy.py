"""Earned autonomy: when a runbook may run without a click, by what became of its runs that people approved."""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, NamedTuple

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from bot.domain.duration import Duration
from bot.domain.runs.parameter import Value
from bot.domain.severity import Severity
from bot.domain.window import TimeWindow
from detectors.earned import ALPHA, evidence, lower_bound, recent

TANDEM = "tandem"
"""Who approves what runs without a click."""


class Autonomy(BaseModel):
    """All of it must hold, for a kind of cause by itself; an edited runbook begins anew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: int = Field(ge=1, le=10_000)
    """So many verified successes that people approved, since the last run that failed or was stopped."""
    at_least: float = Field(gt=0, lt=1)
    """What its rate of success must exceed for sure: an anytime-valid lower bound at 95 %."""
    severity_at_most: Severity = Severity.HIGH
    """It acts alone in incidents of this severity or milder."""
    notice: Duration = timedelta(seconds=60)
    """For how long it announces what it will do, with a button that stops it."""
    hours: TimeWindow | None = None
    """When it may act alone, as a window with `at`, `lasts`, `days` and `zone`; default: at any time."""
    most_dependants: Annotated[int | None, Field(ge=0)] = None
    """It acts alone only where no more services than this depend on what it acts on."""
    cause_at_least: float = Field(default=0.5, ge=0, le=1)
    """How likely the cause must be, where the runbook is for a cause."""


class Past(NamedTuple):
    """A run that has ended, as far as it counts.

    ``good`` is None where it shows nothing either way: it was not verified, an alert of it was silenced, its incident
    became part of another one. ``by_people``: they approved it, and Tandem did not by itself.
    """

    run_id: str
    good: bool | None
    by_people: bool
    targets: Sequence[str]
    parameters: Mapping[str, Value]
    work: str = ""


class Standing(msgspec.Struct, frozen=True):
    """What a runbook has earned. ``since_loss`` are the successes that count since its last bad run."""

    successes: int
    failures: int
    weight: float
    since_loss: list[str]
    lost_by: str = ""

    @property
    def bound(self) -> float:
        """What its rate of success exceeds for sure."""
        return lower_bound(self.successes, self.weight)

    def missing(self, rules: Autonomy) -> list[str]:
        """What it has not earned yet, in words; empty where it has all."""
        said = []
        if len(self.since_loss) < rules.after:
            anew = " since its last bad run" if self.lost_by else ""
            more = rules.after - len(self.since_loss)
            count = f"{more} more verified success{'' if more == 1 else 'es'} that people approve"
            said.append(f"{count} ({len(self.since_loss)} of {rules.after}{anew})")
        if evidence(self.successes, self.weight, rules.at_least) < 1 / ALPHA:
            needed = successes_needed(self, rules.at_least)
            row = f"about {needed} more success{'' if needed == 1 else 'es'} in a row" if needed else "more successes"
            said.append(f"a rate that exceeds {rules.at_least:g} for sure, not {self.bound:.2f} ({row})")
        return said


def standing_of(past: Sequence[Past]) -> Standing:
    """What these runs, the oldest first, have earned."""
    successes = failures = 0
    weight, extra, since, lost_by = 0.0, 0.0, list[str](), ""
    for run in past:
        if run.good is None:
            continue
        extra = recent(extra, not run.good)
        if run.good:
            successes += 1
            since += [run.run_id] if run.by_people else []
        else:
            failures, since, lost_by = failures + 1, [], run.run_id
    weight = failures + extra
    return Standing(successes, failures, weight, since, lost_by)


def successes_needed(standing: Standing, at_least: float, most: int = 1000) -> int:
    """How many successes in a row would be enough; 0 where that is more than ``most``."""
    extra = standing.weight - standing.failures
    for more in range(1, most + 1):
        extra = recent(extra, failed=False)
        if evidence(standing.successes + more, standing.failures + extra, at_least) >= 1 / ALPHA:
            return more
    return 0


def outside_of(past: Sequence[Past], targets: Sequence[str], parameters: Mapping[str, Value]) -> str:
    """What of a plan people have never approved with success, in words; empty where all of it was."""
    approved = [run for run in past if run.good and run.by_people]
    known = {target for run in approved for target in run.targets}
    if unknown := sorted(set(targets) - known):
        return f"people have approved no successful run of it on {', '.join(unknown)}"
    for name, value in parameters.items():
        seen = [run.parameters[name] for run in approved if name in run.parameters]
        numbers = [one for one in seen if not isinstance(one, str)]
        if isinstance(value, str):
            within = value in seen
        else:
            within = bool(numbers) and min(numbers) <= value <= max(numbers) and math.isfinite(value)
        if not within:
            return f"{name} {value} is outside of what people have approved"
    return ""
