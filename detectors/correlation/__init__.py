"""Which alerts belong together."""

from detectors.correlation.companions import TAUGHT, Companions, Seen
from detectors.correlation.likelihood import Span
from detectors.correlation.spreading import Assignment, Cluster, Key, Signal, assign
from detectors.correlation.terms import terms_of

__all__ = ["TAUGHT", "Assignment", "Cluster", "Companions", "Key", "Seen", "Signal", "Span", "assign", "terms_of"]
