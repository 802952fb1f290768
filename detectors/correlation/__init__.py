"""Which alerts belong together."""

from detectors.correlation.companions import TAUGHT, Companions, Seen
from detectors.correlation.likelihood import Span
from detectors.correlation.signals import Assignment, Cluster, Key, Move, Signal
from detectors.correlation.spreading import assign
from detectors.correlation.terms import terms_of

__all__ = [
    "TAUGHT",
    "Assignment",
    "Cluster",
    "Companions",
    "Key",
    "Move",
    "Seen",
    "Signal",
    "Span",
    "assign",
    "terms_of",
]
