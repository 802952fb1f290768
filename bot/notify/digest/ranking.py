"""Which of many new incidents come first: the most severe, and among those the best attested.

Whoever can send alerts can make up any label, and repeat what they sent. So what attests an incident beyond doubt comes
from elsewhere: the topology, incidents from before the flood, and people.
"""

from enum import IntEnum

import msgspec

from bot.domain.severity import Severity


class Standing(IntEnum):
    """How well an incident is attested: not at all, by more than one alert, by what was known before, by a person."""

    UNKNOWN = 0
    SUPPORTED = 1
    KNOWN = 2
    HANDLED = 3


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What speaks for an incident.

    ``known``: one of its services is in the topology, or had an incident before the flood. ``repeated``: a sender sent
    one of its alerts again. ``risen``: its severity has, since it was ranked before.
    """

    severity: Severity
    known: bool = False
    acknowledged: bool = False
    run: bool = False
    repeated: bool = False
    alerts: int = 1
    sources: int = 1
    seen_before: bool = False
    risen: bool = False


def standing_of(evidence: Evidence) -> Standing:
    if evidence.acknowledged:
        return Standing.HANDLED
    if evidence.known:
        return Standing.KNOWN
    return Standing.SUPPORTED if any(_support(evidence)) else Standing.UNKNOWN


def rank_of(evidence: Evidence) -> int:
    """The lowest comes first; of equal ones, the oldest is to.

    >>> rank_of(Evidence(severity=Severity.CRITICAL)) < rank_of(Evidence(severity=Severity.HIGH, known=True))
    True
    """
    attested = 10 * standing_of(evidence) + sum(_support(evidence)) + evidence.repeated + evidence.seen_before
    return 100 * evidence.severity.rank + 99 - attested


def severity_rank_in(rank: int) -> int:
    return rank // 100


def _support(evidence: Evidence) -> tuple[bool, ...]:
    """That an alert was sent again is no such support: it costs a forger nothing."""
    return evidence.run, evidence.alerts > 1, evidence.sources > 1, evidence.risen
