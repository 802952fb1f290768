"""Anomalies in metrics, online: one ensemble a series, ``update(timestamp, value)`` gives a score in [0, 1]."""

from detectors.anomaly.ensemble import Ensemble
from detectors.anomaly.peaks import ALARM, RARITY

__all__ = ["ALARM", "RARITY", "Ensemble"]
