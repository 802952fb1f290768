"""Made series with a limit: some grow beyond it, some only look as if they would."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SECONDS = 300.0
_DAY = 288
_LENGTH = 10 * _DAY
LIMIT = 1000.0


class Series(NamedTuple):
    """Values every five minutes or so, and the limit that they are not to reach."""

    name: str
    times: Array
    values: Array
    limit: float


def series(kind: str, seed: int) -> Series:
    """One of :data:`KINDS`."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    values = KINDS[kind](rng)
    times = np.asarray(np.arange(len(values)) * SECONDS, np.float64)
    return Series(f"{kind}/{seed}", times, values, LIMIT)


def _noise(rng: np.random.Generator, size: float) -> Array:
    """With a memory, as queues have."""
    white = rng.normal(0.0, size, _LENGTH)
    found = np.empty(_LENGTH)
    kept = rng.uniform(0.3, 0.9)
    last = 0.0
    for at, one in enumerate(white):
        found[at] = last = kept * last + one
    return found


def _leak(rng: np.random.Generator) -> Array:
    """It is emptied when it has been full for half an hour, and some time later it leaks again."""
    values = rng.uniform(200, 500) + _noise(rng, rng.uniform(3, 15))
    at = int(rng.uniform(2, 3) * _DAY)
    while at < _LENGTH:
        lasts = int(rng.uniform(3, 24) * 12)
        rise = np.arange(lasts) * (LIMIT - values[at]) / (lasts - 6)
        values[at : at + lasts] += rise[: _LENGTH - at]
        at += lasts + int(rng.uniform(0.3, 1.5) * _DAY)
    return values


def _seasonal_growth(rng: np.random.Generator) -> Array:
    """The peaks of the last days are beyond it."""
    days = np.arange(_LENGTH) / _DAY
    wave = rng.uniform(150, 300) * np.sin(2 * np.pi * (days + rng.uniform()))
    begin, grown = rng.uniform(300, 450), rng.uniform(350, 450)
    return begin + wave + grown * days / 10 + _noise(rng, rng.uniform(5, 20))


def _seasonal(rng: np.random.Generator) -> Array:
    """Each day's peak comes near, and none reaches it."""
    days = np.arange(_LENGTH) / _DAY
    wave = np.sin(2 * np.pi * (days + rng.uniform()))
    high = rng.uniform(200, 400)
    return 850 - high + high * wave + _noise(rng, rng.uniform(5, 15))


def _saturating(rng: np.random.Generator) -> Array:
    """It fills quickly, then ever slower, and stays below; some days later once more."""
    values = 200 + _noise(rng, rng.uniform(3, 15))
    at = int(rng.uniform(1.5, 2.5) * _DAY)
    while at < _LENGTH:
        lasts = int(rng.uniform(0.5, 1.2) * _DAY)
        rise = rng.uniform(400, 700) * (1 - np.exp(-np.arange(lasts) / rng.uniform(12, 60)))
        values[at : at + lasts] += rise[: _LENGTH - at]
        at += lasts + int(rng.uniform(0.3, 1.0) * _DAY)
    return values


def _steps(rng: np.random.Generator) -> Array:
    """It jumps to another level each few hours; one jump in eight is beyond."""
    values = _noise(rng, rng.uniform(3, 15))
    at = 0
    while at < _LENGTH:
        lasts = int(rng.uniform(4, 20) * 12)
        beyond = at > 2 * _DAY and rng.uniform() < 0.125
        values[at : at + lasts] += 1150 if beyond else rng.uniform(200, 800)
        at += lasts
    return values


def _regimes(rng: np.random.Generator) -> Array:
    """It rises for hours, stays, and falls, at rates that change; it turns in time, or it does not."""
    rates, at, level = np.zeros(_LENGTH), 0, 500.0
    while at < _LENGTH:
        lasts = int(rng.uniform(2, 10) * 12)
        ends = rng.uniform(200, 800) if rng.uniform() < 0.8 or at < 2 * _DAY else 1080.0
        rates[at : at + lasts] = (ends - level) / lasts
        level, at = ends, at + lasts
    return 500 + np.cumsum(rates) + _noise(rng, rng.uniform(3, 15))


def _noise_alone(rng: np.random.Generator) -> Array:
    """No growth at all, and a limit that it does not reach."""
    noise = _noise(rng, 10)
    return np.asarray(700 + noise * rng.uniform(20, 60) / noise.std())


KINDS: Mapping[str, Callable[[np.random.Generator], Array]] = {
    "leak": _leak,
    "seasonal_growth": _seasonal_growth,
    "regimes": _regimes,
    "steps": _steps,
    "seasonal": _seasonal,
    "saturating": _saturating,
    "noise": _noise_alone,
}
