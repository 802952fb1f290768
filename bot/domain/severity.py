"""How bad it is, in four levels that every sender's vocabulary maps onto."""

from enum import StrEnum


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
    Severity.CRITICAL: ("critical", "crit", "page", "emergency", "fatal", "disaster", "p1", "sev1"),
    Severity.HIGH: ("high", "error", "major", "p2", "sev2"),
    Severity.WARNING: ("warning", "warn", "minor", "medium", "average", "ticket", "p3", "sev3"),
    Severity.INFO: ("info", "informational", "information", "none", "low", "debug", "notice", "p4", "p5", "sev4"),
}
_BY_WORD = {word: severity for severity, words in _WORDS.items() for word in words}


def severity_of(word: str | None) -> Severity:
    """The level a sender's word means; a word nobody knows is a warning, so that it is neither lost nor loud."""
    return _BY_WORD.get((word or "").strip().lower(), Severity.WARNING)


def most_severe(severities: list[Severity]) -> Severity:
    """The worst of them; INFO when there is none."""
    return min(severities, key=lambda severity: severity.rank, default=Severity.INFO)
