"""What the detectors of this folder take and give: the lines of one window, counted by template, and findings."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

NONE: Mapping[int, int] = MappingProxyType({})


class Window(NamedTuple):
    """One stream's lines between ``at - seconds`` and ``at``. Windows follow each other without a gap.

    ``lines`` and ``errors`` are lines by template: all of them, and those at level error or above. ``became`` are
    templates that have become others (``Miner.became``); a detector then joins what it knew of both.

    Parameters
    ----------
    at
        Its end, in seconds since the epoch.
    seconds
        Its length.
    lines, errors
        Lines by template.
    became
        Templates by the one that they were before.

    Examples
    --------
    >>> Window(60.0, 60.0, {7: 3}).lines
    {7: 3}
    """

    at: float
    seconds: float
    lines: Mapping[int, int]
    errors: Mapping[int, int] = NONE
    became: Mapping[int, int] = NONE


class Finding(NamedTuple):
    """Something abnormal about a template, or about the stream where ``template`` is None.

    ``score`` is between 0 and 1; ``observed`` and ``expected`` are in lines a window, or in seconds of silence for
    kind ``stopped``.

    Parameters
    ----------
    kind
        rate, burst, unseen or stopped.
    template
        Its id, or None for the stream.
    score
        Between 0 and 1.
    observed, expected
        Lines a window, or seconds.

    Examples
    --------
    >>> Finding("rate", 7, 0.99, observed=90, expected=10.0).kind
    'rate'
    """

    kind: str
    template: int | None
    score: float
    observed: float
    expected: float


class LogDetector(Protocol):
    """What every detector here does. Its state is plain, fit for JSON, and bounded."""

    def update(self, window: Window) -> list[Finding]: ...

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: dict[str, Any]) -> None: ...
