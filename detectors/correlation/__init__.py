"""Which alerts belong together."""

from detectors.correlation.shared_key import Cluster, Signal, assign

__all__ = ["Cluster", "Signal", "assign"]
