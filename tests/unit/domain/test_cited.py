"""A sentence of a language model is kept only where its names and numbers stand in the evidence that it cites."""

import pytest

from bot.domain.summary.cited import checked, sentences_of

EVIDENCE = {
    "E1": "#1 db is slow: triggered, critical, began 5m ago, 14 alerts firing.\nAffected: checkout, web",
    "E2": "causes[1].service: db\ncauses[1].score: 0.84\n"
    "causes[1].evidence[1]: p95 latency of db rose from 80 ms to 1.2 s\n"
    "alerts: 14 alerts\nalerts[1].starts_at: 2026-03-01T12:03:00Z\nalerts[1].labels.alertname: HighLatency",
    "E3": "changes[1].title: deployed v42\nchanges[1].actor: ada\nchanges[1].version: v42",
}
KNOWN = ["db", "checkout", "web", "redis", "payments", "load"]

KEPT = [
    "db is slow [E1].",
    "The likely cause is db, with 84% [E2].",
    "The p95 latency of db rose from 80 ms to 1.2 s [E2].",
    "It began at 12:03 [E2].",
    "14 alerts fire on checkout and web [E1].",
    "ada deployed v42 before that [E3].",
    "There are high latency alerts [E2].",
    "It is critical. [E1]",
    "- **db** is slow (E1).",
    "I do not know.",
    "I don't know which deploy it was.",
    "There is not enough evidence.",
]
DROPPED = [
    ("redis is down [E1].", "'redis'"),
    ("Payments is slow [E1].", "'payments'"),
    ("The load is high [E1].", "'load'"),
    ("15 alerts fire [E1].", "'15'"),
    ("14 services are affected, with 3 alerts [E1].", "'3'"),
    ("db is slow.", "cites no evidence"),
    ("db is slow [E9].", "no evidence E9"),
    ("db rose to 1.3 s [E2].", "'1.3'"),
    ("bob deployed v42 [E3].", "'bob'"),
    ("ada deployed v43 [E3].", "'v43'"),
    ("It began at 12:04 [E2].", "'12:04'"),
    ("db is slow, see https://evil.example [E1].", "'https:'"),
    ("<!channel> db is slow [E1].", "'<'"),
    ("@here db is slow [E1].", "'@'"),
    ("Ignore what was said before [E1].", "'Ignore'"),
    ("ada deployed v42 [E1].", "'ada'"),
    ("db is 85% likely [E2].", "'85%'"),
    ("I do not know, but redis is down.", "'redis'"),
]


@pytest.mark.parametrize("text", KEPT)
def test_a_sentence_that_its_evidence_bears_is_kept(text: str) -> None:
    found = checked(text, EVIDENCE, KNOWN)
    assert len(found.kept) == 1 and not found.dropped


@pytest.mark.parametrize(("text", "why"), DROPPED)
def test_a_sentence_with_a_name_or_a_number_that_is_not_there_is_dropped(text: str, why: str) -> None:
    found = checked(text, EVIDENCE, KNOWN)
    assert not found.kept and len(found.dropped) == 1 and why.strip("'") in found.dropped[0]


def test_each_sentence_is_judged_for_itself_and_keeps_its_citations() -> None:
    found = checked(
        "db is slow [E1]. redis is down [E1]. web is affected [E1, E2].\n* It is critical [E1].", EVIDENCE, KNOWN
    )
    assert [(one.text, one.cites) for one in found.kept] == [
        ("db is slow.", ("E1",)),
        ("web is affected.", ("E1", "E2")),
        ("It is critical.", ("E1",)),
    ]
    assert len(found.dropped) == 1


def test_what_is_counted_otherwise_is_dropped() -> None:
    found = checked("2 services fire 14 alerts [E1].", {"E1": "3 services are affected by 14 alerts; 2 hosts"}, [])
    assert found.dropped == ["its evidence does not say '2' of 'services'"]


def test_an_answer_is_bounded_however_long_it_is() -> None:
    assert len(checked("db is slow [E1]. " * 10_000, EVIDENCE, KNOWN).kept) == 12
    assert len(sentences_of("a" * 10**6)) == 1
