"""The section llm of tandem.yaml: what of language models' calls is watched, and what they cost."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.llm.observed import Measure
from bot.domain.llm.prices import Price
from bot.domain.severity import Severity


class LlmRules(BaseModel):
    """``watch`` says which measures are watched: all of them by default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    watch: list[Measure] = list(Measure)
    """What is watched of each application: `errors`, `latency`, `input_tokens`, `output_tokens`, `cost`,
    `tool_failures`, `refusals` and `score`; default: all. An empty list watches nothing."""
    severity: Severity = Severity.WARNING
    """The severity of its alerts."""
    most_versions: int = Field(default=20, ge=1, le=1000)
    """Models and versions of one prompt that are watched apart; what comes beside them counts in the whole only."""
    most_prompts: int = Field(default=100, ge=1, le=10_000)
    """Prompts, tools and evaluations of one application that are watched apart; others are one."""
    prices: dict[Annotated[str, Field(min_length=1, max_length=200)], Price] = Field(default={}, max_length=1000)
    """Prices by the beginning of a model's name; they come before those that Tandem knows."""
