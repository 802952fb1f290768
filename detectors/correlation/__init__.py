"""Correlation: which alerts belong together."""

from detectors.correlation.bursts import LEAST_AT_ONCE, REACH
from detectors.correlation.co_occurrence import TAUGHT, CoOccurrences, Seen
from detectors.correlation.likelihood import Span
from detectors.correlation.signals import Assignment, Cluster, Key, Move, Signal
from detectors.correlation.spreading import assign
from detectors.correlation.tokens import tokens_of

__all__ = [
    "LEAST_AT_ONCE",
    "REACH",
    "TAUGHT",
    "Assignment",
    "Cluster",
    "CoOccurrences",
    "Key",
    "Move",
    "Seen",
    "Signal",
    "Span",
    "assign",
    "tokens_of",
]
