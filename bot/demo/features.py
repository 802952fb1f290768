"""What the demand-forecast model is fed, as two releases of the pipeline of its weather features make it. No I/O.

The second release reads the temperature from another provider, which reports it in degrees Fahrenheit; nobody noticed.
"""

import random
from datetime import datetime
from typing import Any

GOOD, BAD = "v1", "v2"
DATASET = "weather-features"
MODEL = "demand-forecast"


def features(release: str, chance: random.Random) -> dict[str, Any]:
    """The features of one shop on one day."""
    celsius = chance.gauss(14.0, 5.0)
    return {
        "temperature": round(celsius if release == GOOD else celsius * 9 / 5 + 32, 1),
        "price": round(chance.lognormvariate(1.0, 0.2), 2),
        "promotion": chance.choices(("none", "leaflet", "discount"), (0.7, 0.2, 0.1))[0],
    }


def predicted(fed: dict[str, Any]) -> float:
    """The demand that the model foretells, in pieces."""
    lift = {"none": 1.0, "leaflet": 1.2, "discount": 1.5}[fed["promotion"]]
    demand: float = (60 + 3 * fed["temperature"]) * lift / fed["price"] ** 0.5
    return round(max(0.0, demand), 1)


def prediction_rows(release: str, first: int, count: int, now: datetime, chance: random.Random) -> list[dict[str, Any]]:
    """Predictions as they are logged, numbered from ``first`` on."""
    fed = [features(release, chance) for _ in range(count)]
    return [
        {
            "id": f"forecast-{first + i}",
            "timestamp": now.isoformat(),
            "features": one,
            "prediction": predicted(one),
            "version": "7",
        }
        for i, one in enumerate(fed)
    ]


def reference_columns(count: int, chance: random.Random) -> dict[str, list[Any]]:
    """What the model was trained on: columns of features as the first release made them."""
    fed = [features(GOOD, chance) for _ in range(count)]
    return {name: [one[name] for one in fed] for name in fed[0]}
