"""What a search for the cause finds."""

from typing import NamedTuple


class Finding(NamedTuple):
    """A service that may be the cause. ``score`` is how likely it is the one, between 0 and 1.

    ``kind`` is ``resource``, ``dependency``, ``change``, ``data``, ``model``, ``traffic`` or ``unknown``.
    """

    service: str
    kind: str
    score: float
    evidence: list[str]
