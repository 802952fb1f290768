"""A silence: alerts that match it are recorded, but call nobody until it ends."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from bot.domain.matcher import Matcher, matches, matches_all

_PROBES = ("Qx7-probe_01", "zv", "/w.9 kj")
"""Values that nobody gives a label: what matches all of them matches whatever a label says."""


def matches_whatever(matchers: Sequence[Matcher]) -> bool:
    """Whether matchers hold of alerts whatever these say, of all but a few, or of those that say nothing.

    >>> from bot.domain.matcher import parse_matcher
    >>> [matches_whatever([parse_matcher(text)]) for text in ('foo!=bar', 'foo=""', 'severity=~".+"', "service=cart")]
    [True, True, True, False]
    """
    return matches_all(list(matchers), {}) or all(
        matches(one, {one.label: value}) for one in matchers for value in _PROBES
    )


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """``origin`` is the tool in which it was made, or empty where it was made here."""

    id: str
    matchers: list[Matcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str = ""
    origin: str = ""

    def covers(self, labels: Mapping[str, str], now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at and matches_all(self.matchers, labels)
