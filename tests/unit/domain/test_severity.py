"""Severities: four levels that every sender's vocabulary maps onto."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.severity import Severity, known_severity, most_severe, severity_of, spelling


@pytest.mark.parametrize(
    "word, severity",
    [
        ("critical", "critical"),
        ("page", "critical"),
        ("P1", "critical"),
        ("error", "high"),
        ("major", "high"),
        ("warning", "warning"),
        ("ticket", "warning"),
        ("info", "info"),
        ("none", "info"),
        ("  Critical\n", "critical"),
        *((word, "critical") for word in ("P0", "sev0", "SEV-1", "S1", "emerg", "urgent", "severe", "blocker")),
        *((word, "critical") for word in ("P1 - Critical", "1 - Critical", "Critical (P1)", "Priority: 1", "FATAL!")),
        *((word, "high") for word in ("P2", "sev 2", "err", "Major", "High priority", "Sev2 – major")),
        *((word, "warning") for word in ("Warn", "MEDIUM", "S3", "moderate", "degraded", "P3/medium")),
        *((word, "info") for word in ("notice", "Very low", "P5", "not classified", "Trivial", "OK")),
    ],
)
def test_the_words_of_senders_are_understood(word: str, severity: str) -> None:
    assert severity_of(word) is Severity(severity)


@given(st.sampled_from(Severity))
def test_every_severity_is_its_own_word(severity: Severity) -> None:
    assert severity_of(severity.value) is severity


@pytest.mark.parametrize("word", [None, "", "blue", "🔥", "criticality", "non-critical", "not critical", "p10"])
def test_a_word_that_nobody_knows_is_a_warning_and_is_known_to_be_unknown(word: str | None) -> None:
    assert severity_of(word) is Severity.WARNING
    assert known_severity(word) is None


def test_words_of_ones_own_come_first_whatever_their_spelling() -> None:
    own = {spelling("Sev-0"): Severity.HIGH, spelling("code RED"): Severity.CRITICAL}
    assert severity_of("SEV 0", own) is Severity.HIGH
    assert severity_of("Code  red", own) is Severity.CRITICAL
    assert severity_of("P1", own) is Severity.CRITICAL


@given(st.sampled_from(Severity), st.sampled_from([str.upper, str.title, "  {} ".format, "({})".format]))
def test_spelling_does_not_matter(severity: Severity, written: Callable[[str], str]) -> None:
    assert known_severity(written(severity.value)) is severity


@given(st.text())
def test_any_text_is_some_severity(word: str) -> None:
    assert severity_of(word) in Severity


def test_critical_ranks_before_high_before_warning_before_info() -> None:
    assert sorted(Severity, key=lambda severity: severity.rank) == ["critical", "high", "warning", "info"]


@given(st.lists(st.sampled_from(Severity), min_size=1))
def test_the_most_severe_is_one_of_them_and_none_is_worse(severities: list[Severity]) -> None:
    worst = most_severe(severities)
    assert worst in severities
    assert all(worst.rank <= severity.rank for severity in severities)


def test_nothing_is_as_severe_as_information() -> None:
    assert most_severe([]) is Severity.INFO
