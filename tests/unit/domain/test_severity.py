"""Severities: four levels that every sender's vocabulary maps onto."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.severity import Severity, most_severe, severity_of


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
    ],
)
def test_the_words_of_senders_are_understood(word: str, severity: str) -> None:
    assert severity_of(word) is Severity(severity)


@given(st.sampled_from(Severity))
def test_every_severity_is_its_own_word(severity: Severity) -> None:
    assert severity_of(severity.value) is severity


@pytest.mark.parametrize("word", [None, "", "blue", "🔥", "criticality"])
def test_a_word_that_nobody_knows_is_a_warning(word: str | None) -> None:
    assert severity_of(word) is Severity.WARNING


def test_critical_ranks_before_high_before_warning_before_info() -> None:
    assert sorted(Severity, key=lambda severity: severity.rank) == ["critical", "high", "warning", "info"]


@given(st.lists(st.sampled_from(Severity), min_size=1))
def test_the_most_severe_is_one_of_them_and_none_is_worse(severities: list[Severity]) -> None:
    worst = most_severe(severities)
    assert worst in severities
    assert all(worst.rank <= severity.rank for severity in severities)


def test_nothing_is_as_severe_as_information() -> None:
    assert most_severe([]) is Severity.INFO
