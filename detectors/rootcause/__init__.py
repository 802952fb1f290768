"""Root cause: what most likely broke."""

from detectors.rootcause.alerts import Changed, Symptom, rank
from detectors.rootcause.finding import Finding

__all__ = ["Changed", "Finding", "Symptom", "rank"]
