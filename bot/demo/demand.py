"""What shops sell in a week, and how it is forecast. This week there is a sale, so last week's forecast is far off."""

import random
import time
from collections.abc import Sequence
from statistics import fmean

WEEKS = 8
SALE = 1.5
_NOISE = 0.03


def history(shop: int) -> list[float]:
    """What ``shop`` sold in the weeks up to the last one, in pieces."""
    chance = random.Random(shop)
    usual = chance.uniform(80, 160)
    return [usual * chance.gauss(1, _NOISE) for _ in range(WEEKS)]


def sold_this_week(shop: int) -> float:
    return fmean(history(shop)) * SALE * random.Random(-shop - 1).gauss(1, _NOISE)


def stale_forecast(shop: int) -> float:
    """Last week's forecast: all that is at hand when the model does not answer in time."""
    return fmean(history(shop)[:-1])


def forecast(sold: Sequence[float], cpu_seconds: float) -> float:
    """This week's demand from the weeks before: as many bootstrap samples as fit into so much CPU time.

    The cost is CPU time and not a number of samples, so that it is the same on a slow machine and on a fast one.
    """
    until = time.process_time() + cpu_seconds
    samples: list[float] = []
    while not samples or time.process_time() < until:
        samples.append(fmean(random.choices(sold, k=len(sold))))
    return fmean(samples) * SALE
