"""What calls of language models cost, by a table of prices for a million tokens."""

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_SHIPPED = Path(__file__).with_name("prices.toml")
_MILLION = 1e6
_Dollars = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class Price(BaseModel):
    """Dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: _Dollars
    """Of what the model is given."""
    output: _Dollars = 0.0
    """Of what it answers."""
    cached: _Dollars | None = None
    """Of what it is given and has in its cache; default: as `input`."""

    def of(self, given: float, answered: float, cached: float = 0.0) -> float:
        """What a call costs, in dollars; ``cached`` of the tokens that were ``given`` are read from a cache.

        >>> Price(input=2.5, output=10).of(1000, 100)
        0.0035
        """
        cached = min(cached, given)
        cheap = self.input if self.cached is None else self.cached
        return ((given - cached) * self.input + cached * cheap + answered * self.output) / _MILLION


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """By the longest name of the table with which a model's name begins; one's own prices come before those shipped.

    >>> price_of("gpt-4o-mini-2024-07-18", {}) == price_of("openai/gpt-4o-mini", {}), price_of("our-own", {})
    (True, None)
    """
    bare = model.lower().rpartition("/")[2]
    for table in (prices, _shipped()):
        found = [name for name in table if bare.startswith(name.lower()) or model.lower().startswith(name.lower())]
        if found:
            return table[max(found, key=len)]
    return None


class Prices:
    """What is known of the price of each model, found once for each."""

    def __init__(self, own: Mapping[str, Price]) -> None:
        self.of = lru_cache(maxsize=4096)(partial(price_of, prices=own))


@cache
def _shipped() -> Mapping[str, Price]:
    read = tomllib.loads(_SHIPPED.read_text(encoding="utf-8"))
    return {name: Price(**price) for name, price in read.items()}
