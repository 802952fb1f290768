"""What a log says by its templates: which there are, and what is abnormal about how they come."""

from detectors.logs.burst import Burst
from detectors.logs.rate import Rate
from detectors.logs.secrets import mask_secrets
from detectors.logs.stopped import Stopped
from detectors.logs.stream import Closed, Stream
from detectors.logs.templates import Miner
from detectors.logs.unseen import Unseen
from detectors.logs.window import Finding, LogDetector, Window

__all__ = [
    "Burst",
    "Closed",
    "Finding",
    "LogDetector",
    "Miner",
    "Rate",
    "Stopped",
    "Stream",
    "Unseen",
    "Window",
    "mask_secrets",
]
