"""What is observed of the calls of a language model: numbers and names, and nothing of what was asked or answered."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

MOST_NAME = 100
"""Characters of a model's, a prompt's, a tool's or an evaluation's name."""


class Measure(StrEnum):
    """What is observed of a call. Errors, tool failures and refusals are 1 or 0; the others are amounts."""

    ERRORS = "errors"
    LATENCY = "latency"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    COST = "cost"
    TOOL_FAILURES = "tool_failures"
    REFUSALS = "refusals"
    SCORE = "score"

    @property
    def is_share(self) -> bool:
        return self in (Measure.ERRORS, Measure.TOOL_FAILURES, Measure.REFUSALS)

    @property
    def series(self) -> str:
        """The name that its series has among metrics, whose values are means of what came together."""
        return _SERIES[self]


_SERIES: Mapping[Measure, str] = {
    Measure.ERRORS: "llm_errors_ratio",
    Measure.LATENCY: "llm_latency_seconds",
    Measure.INPUT_TOKENS: "llm_input_tokens",
    Measure.OUTPUT_TOKENS: "llm_output_tokens",
    Measure.COST: "llm_cost_dollars",
    Measure.TOOL_FAILURES: "llm_tool_failures_ratio",
    Measure.REFUSALS: "llm_refusals_ratio",
    Measure.SCORE: "llm_evaluation_score",
}


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """How often each value of a measure came: of calls of one model with one version of one prompt.

    ``of`` is the tool that was called, or what was evaluated. Names that nobody gave are empty.
    """

    measure: Measure
    model: str
    prompt: str
    version: str
    of: str
    counts: list[tuple[float, int]]

    @property
    def number(self) -> int:
        return sum(count for _, count in self.counts)

    @property
    def mean(self) -> float:
        return sum(value * count for value, count in self.counts) / self.number


def labels_of(tally: Tally) -> dict[str, str]:
    """The labels of the series that a tally is of, beside those of its application."""
    of = "evaluation" if tally.measure is Measure.SCORE else "tool"
    labels = {"model": tally.model, "prompt": tally.prompt, "prompt_version": tally.version, of: tally.of}
    return {"__name__": tally.measure.series, **{name: value for name, value in labels.items() if value}}


def rounded(value: float) -> float:
    """A value to two significant digits: calls are counted by it.

    >>> rounded(1234.0), rounded(0.8567), rounded(0.0)
    (1200.0, 0.86, 0.0)
    """
    return float(f"{value:.2g}")
