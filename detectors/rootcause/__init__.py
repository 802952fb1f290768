"""What most likely broke."""

from detectors.rootcause.deepest import Finding, Symptom, rank

__all__ = ["Finding", "Symptom", "rank"]
