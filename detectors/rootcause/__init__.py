"""Root cause: what most likely broke."""

from detectors.rootcause.alerts import rank
from detectors.rootcause.finding import Finding
from detectors.rootcause.seen import Changed, Symptom

__all__ = ["Changed", "Finding", "Symptom", "rank"]
