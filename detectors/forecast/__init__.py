"""When a series will cross its limit, online: ``update(timestamp, value)`` and ``crossing(limit)``."""

from detectors.forecast.crossing import Crossing
from detectors.forecast.forecast import Forecast, Interval

__all__ = ["Crossing", "Forecast", "Interval"]
