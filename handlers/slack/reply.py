"""What a person is answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """The answer to a command in blocks; ``text`` is the same for notifications, and where blocks are not shown."""

    text: str
    blocks: Sequence[dict[str, Any]] = ()
