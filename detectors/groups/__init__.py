"""Series that belong together: one threshold for a group, and members that differ from their peers."""

from detectors.groups.evidence import Evidence
from detectors.groups.peers import Outlier, outliers
from detectors.groups.tail import Tail

__all__ = ["Evidence", "Outlier", "Tail", "outliers"]
