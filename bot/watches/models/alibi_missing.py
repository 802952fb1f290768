"""Whether alibi-detect is there for ``engine: alibi``; apart, as configuration is checked without loading numpy."""

import os
from importlib.util import find_spec
from pathlib import Path

PYTHON = "TANDEM_ALIBI_PYTHON"
HOW_TO_INSTALL = (
    "alibi-detect is not installed for `engine: alibi`: pip install 'tandem-chatops[alibi]' on Python 3.11 or 3.12, or "
    f"pip install 'alibi-detect[tensorflow]>=0.13' in an environment of its own, and name its Python in {PYTHON}"
)


def missing() -> str | None:
    """What is missing for ``engine: alibi``, without starting anything; None where it looks fine."""
    python = os.environ.get(PYTHON)
    if python:
        return None if Path(python).exists() else f"{PYTHON} names {python}, which is not there"
    return None if find_spec("alibi_detect") else HOW_TO_INSTALL
