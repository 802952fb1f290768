"""Which alerts belong together."""

from detectors.correlation.likelihood import Span
from detectors.correlation.spreading import Assignment, Cluster, Key, Signal, assign

__all__ = ["Assignment", "Cluster", "Key", "Signal", "Span", "assign"]
