"""Whether alibi-detect is there for ``engine: alibi``; apart, as configuration is checked without loading numpy."""

import os
from importlib.util import find_spec
from pathlib import Path

from bot.domain.watched.finding import FindingKind
from bot.domain.watched.monitor import MonitorRules

PYTHON = "TANDEM_ALIBI_PYTHON"
HOW_TO_INSTALL = (
    "alibi-detect is not installed for `engine: alibi`: pip install 'tandem-chatops[alibi]' on Python 3.11 or 3.12, or "
    f"pip install 'alibi-detect[tensorflow]>=0.13' in an environment of its own, and name its Python in {PYTHON}"
)
_HOW_TO_ADD = "pip install 'alibi-detect[tensorflow]'"
_BACKENDS = ("torch", "tensorflow")


def missing_backend(monitor: MonitorRules) -> str | None:
    """What is missing for a monitor whose detector needs a deep-learning library; None where it looks fine."""
    online = getattr(monitor, "online", None)
    detector = online.method.detector if online is not None else "MMDDrift"
    if monitor.kind not in (FindingKind.MULTIVARIATE, FindingKind.EMBEDDING_DRIFT):
        return None
    python = os.environ.get(PYTHON)
    if python:
        sites = list(Path(python).parent.parent.glob("lib/python3*/site-packages"))
        found = not sites or any((site / name).exists() for site in sites for name in _BACKENDS)
    else:
        found = any(find_spec(name) for name in _BACKENDS)
    return None if found else f"{detector} needs TensorFlow or PyTorch beside alibi-detect: {_HOW_TO_ADD}"


def missing() -> str | None:
    """What is missing for ``engine: alibi``, without starting anything; None where it looks fine."""
    python = os.environ.get(PYTHON)
    if python:
        return None if Path(python).exists() else f"{PYTHON} names {python}, which is not there"
    return None if find_spec("alibi_detect") else HOW_TO_INSTALL
