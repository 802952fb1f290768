"""Severity in four levels, which the words of every sender map onto."""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the most severe."""
        return _RANK[self]


_RANK = {severity: rank for rank, severity in enumerate(Severity)}

_WORDS = {
    Severity.CRITICAL: (
        "critical crit critic page paging emergency emerg fatal disaster catastrophic catastrophe blocker urgent severe"
        " extreme highest immediate outage alert panic down very-high"
    ),
    Severity.HIGH: "high error err major important serious failure failed",
    Severity.WARNING: "warning warn minor medium med moderate average ticket degraded",
    Severity.INFO: (
        "info information informational informative none low lowest very-low debug notice trivial verbose trace ok okay"
        " normal cleared clear minimal negligible cosmetic not-classified unclassified"
    ),
}
_LEVELS = (Severity.CRITICAL, Severity.CRITICAL, Severity.HIGH, Severity.WARNING, Severity.INFO, Severity.INFO)
"""What the numbers of P0 to P5, SEV0 to SEV5 and S0 to S5 mean."""
_SCALES = "p prio priority s sev severity"

_BY_WORD = {word: severity for severity, words in _WORDS.items() for word in words.split()} | {
    f"{scale}{number}": level for scale in _SCALES.split() for number, level in enumerate(_LEVELS)
}
_ABOUT_SCALES = frozenset(_SCALES.split())
_NEGATIONS = frozenset({"no", "non", "not", "sub"})
_TOKEN = re.compile(r"[^\W_]+")


def severity_of(word: str | None, own: Mapping[str, Severity] | None = None) -> Severity:
    """The level that a sender's word means, see :func:`known_severity`.

    A word nobody knows is a warning, so that it is neither lost nor loud.
    """
    return known_severity(word, own) or Severity.WARNING


def known_severity(word: str | None, own: Mapping[str, Severity] | None = None) -> Severity | None:
    """The level of a word in whatever way it is spelt, or None where nobody knows it.

    Parameters
    ----------
    word
        A sender's word: ``critical``, ``P1 - Critical``, ``SEV-0``, ``Priority: 2``.
    own
        Words of ``severities:`` in tandem.yaml, as :func:`spelling` writes them; they come first.

    Examples
    --------
    >>> [known_severity(word) for word in ("SEV-0", "P2 - Major", "emerg", "non-critical", "blue")]
    [<Severity.CRITICAL: 'critical'>, <Severity.HIGH: 'high'>, <Severity.CRITICAL: 'critical'>, None, None]
    """
    if not own:
        return _usual(word or "")
    spelt = spelling(word or "")
    return own.get(spelt) or _BY_WORD.get(spelt) or _by_token(spelt.split("-"), own)


@lru_cache(maxsize=1024)
def _usual(word: str) -> Severity | None:
    spelt = spelling(word)
    return _BY_WORD.get(spelt) or _by_token(spelt.split("-"), {})


def spelling(word: str) -> str:
    """A word in the one way in which words are compared: small letters, and one hyphen where others have spaces.

    >>> spelling(" P1 -  Critical")
    'p1-critical'
    """
    return "-".join(_TOKEN.findall(word.casefold()))


def _by_token(tokens: list[str], own: Mapping[str, Severity]) -> Severity | None:
    """The first part of a longer word that is a level: ``p1-critical``, ``sev-0``, ``priority-2-high``."""
    if _NEGATIONS.intersection(tokens):
        return None
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        joined = f"{token}{following}" if token in _ABOUT_SCALES else token
        if level := own.get(token) or _BY_WORD.get(joined):
            return level
    return None


def most_severe(severities: list[Severity]) -> Severity:
    """The worst of them; INFO when there is none."""
    return min(severities, key=lambda severity: severity.rank, default=Severity.INFO)
