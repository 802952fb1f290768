"""Whether something new is worth an alert in a stream where new lines come now and then."""

from collections.abc import Set
from typing import Any

from detectors.logs.window import Finding

QUIET_SHARE = 0.9


class Novelty:
    """Tells of templates that are new, where for long nothing was.

    How often a program says something new falls with the time it has been listened to (Heaps' law: as one over that
    time, about). So a new template is told if none came in the last nine tenths of that time, or in a ``span``
    where that is shorter: with c new ones in each e-fold of the time, one in 10ᶜ of them is told, and at most one in a
    span in the end. Those that tell of errors count apart from the others.

    Parameters
    ----------
    span
        Seconds in which one new template is raised at most, in the end.

    Examples
    --------
    >>> novelty, new = Novelty(span=7 * 86400.0), [Finding("unseen", 7, 1.0, 1, 0.0)]
    >>> [len(novelty.reportable(at, new, set(), learning=3600.0)) for at in (600.0, 7200.0, 8000.0, 90_000.0)]
    [0, 1, 0, 1]

    References
    ----------
    Heaps: Information retrieval: computational and theoretical aspects. Academic Press, 1978.
    """

    def __init__(self, span: float) -> None:
        self.span = span
        self._last = {True: 0.0, False: 0.0}  # by whether it told of an error

    def reportable(self, at: float, new: list[Finding], errors: Set[int | None], learning: float) -> list[Finding]:
        """Of what is new at ``at`` seconds since the stream began, what is to be told."""
        reported = []
        for kind in (True, False):
            found = [finding for finding in new if (finding.template in errors) is kind]
            if found:
                if at - self._last[kind] >= min(self.span, QUIET_SHARE * at) and at > learning:
                    reported += found
                self._last[kind] = at
        return reported

    def state(self) -> dict[str, Any]:
        return {"last": [self._last[True], self._last[False]]}

    def restore(self, state: dict[str, Any]) -> None:
        self._last = dict(zip((True, False), state["last"], strict=True))
