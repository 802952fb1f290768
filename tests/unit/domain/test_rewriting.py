"""What a language model may say: only what the facts hold."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.model import Config
from bot.domain.cause import Cause, CauseKind
from bot.domain.incident import Incident
from bot.domain.inhibition import Folded
from bot.domain.severity import Severity
from bot.domain.summary.rewriting import facts_of, fault_of, tidied
from tests.unit.notify.test_render import assert_sound, incident, plain, render, shown, view
from tests.unit.strategies import hostile, incidents

SUMMARY = (
    "HighLatency on checkout since 12:03 UTC. Resource contention on forecast-pool is the likely cause: CPUThrottling "
    "fires on forecast-pool; cart, checkout depend on it (2 of 2 other affected); first to fire, 40 s before the rest. "
    "14 alerts are firing on cart, checkout, forecast-pool."
)
CAUSE = Cause("forecast-pool", CauseKind.RESOURCE, 0.8, ["CPUThrottling fires on forecast-pool"])
KNOWN = {"search", "payments", "users"}


def known() -> Incident:
    services = ["checkout", "cart", "forecast-pool"]
    return incident(summary=SUMMARY, title="HighLatency on checkout and 3 more", services=services, causes=[CAUSE])


def fault(answer: str) -> str | None:
    return fault_of(tidied(answer), facts_of(known()), KNOWN)


@pytest.mark.parametrize(
    "answer",
    [
        SUMMARY,
        "Checkout has had high latency since 12:03 UTC, most likely because of resource contention on forecast-pool.",
        "Latency is high on checkout; the likely cause is CPU throttling on forecast-pool, which fired first.",
        "“Since 12:03, checkout’s latency is high: cart and checkout depend on forecast-pool.”",
        "Cart and checkout are affected by\n forecast-pool.\n14 alerts are firing.",
        "Two of two other affected depend on forecast-pool, first to fire 40 s before the rest.",
    ],
)
def test_the_facts_in_other_plain_words_are_taken(answer: str) -> None:
    assert fault(answer) is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "sentences"),
        ("forecast-pool. " * 5, "sentences"),
        ("forecast-pool " * 50, "characters"),
        ("Checkout and redis are affected by forecast-pool.", "'redis'"),
        ("Checkout-db is affected by forecast-pool.", "'checkout-db'"),
        ("Payments depend on forecast-pool.", "'payments'"),
        ("Users are affected by forecast-pool.", "'users'"),
        ("Checkout is not affected by forecast-pool.", "'not'"),
        ("The trouble on forecast-pool is resolved.", "'resolved'"),
        ("15 alerts are firing on forecast-pool.", "'15'"),
        ("Three alerts are firing on forecast-pool.", "'three'"),
        ("14 services are affected by forecast-pool.", "'14' of 'services'"),
        ("Since 12:04 UTC forecast-pool fires.", "'12:04'"),
        ("40s before the rest forecast-pool fired.", "'40s'"),
        ("*forecast-pool* is the cause.", "'*forecast-pool*'"),
        ("`forecast-pool` is the cause.", "'`forecast-pool`'"),
        ("forecast-pool is the cause, <@U012AB3CD>.", "'<'"),
        ("forecast-pool is the cause: https://evil.example/now", "'https:'"),
        ("Restart forecast-pool now.", "'restart'"),
        ("forec\u0430st-pool is the cause.", "'forec\u0430st-pool'"),
        ("Checkout has high latency since 12:03 UTC.", "does not name forecast-pool"),
    ],
)
def test_a_name_a_number_a_state_or_markup_that_the_facts_do_not_hold_is_refused(answer: str, why: str) -> None:
    said = fault(answer)
    assert said is not None
    assert why in said


_piece = st.sampled_from(
    ["14 alerts", "15", "checkout", "redis", "since", "12:03", "12", "two", "of", "is", "pool", "<"]
)


@given(st.lists(_piece | st.text(max_size=5), max_size=12).map(" ".join), incidents(hostile) | st.just(known()))
def test_no_number_is_taken_that_the_facts_do_not_hold(answer: str, one: Incident) -> None:
    facts = facts_of(one)
    if fault_of(tidied(answer), facts, KNOWN) is None:
        assert set(re.findall(r"[0-9]+", answer)) <= set(re.findall(r"[0-9]+", facts.text))
        assert not set("<>@\n") & set(tidied(answer))
        assert "redis" not in answer.split() or "redis" in facts.text.casefold()


@given(hostile)
def test_a_summary_that_is_taken_is_escaped_like_any_text(text: str) -> None:
    rendered = render(msgspec.structs.replace(view(known()), rewritten=text[:500] or "x"))
    assert_sound(rendered)


def test_the_message_shows_what_was_rewritten_and_without_it_the_summary() -> None:
    rewritten = msgspec.structs.replace(view(known()), rewritten="Checkout is affected by forecast-pool.")
    assert "Checkout is affected by forecast-pool." in shown(render(rewritten))
    assert "Checkout is affected by forecast-pool." in plain(rewritten).text
    assert "since 12:03 UTC" in plain(view(known())).text


@pytest.mark.parametrize(
    "changed",
    [
        {"summary": "Another."},
        {"severity": Severity.WARNING},
        {"causes": []},
        {"services": ["cart"]},
        {"inhibited": [Folded("db-1", "cart", "Slow", Severity.CRITICAL, False, 2)]},
    ],
)
def test_other_facts_have_another_digest(changed: dict[str, Any]) -> None:
    assert facts_of(msgspec.structs.replace(known(), **changed)).digest != facts_of(known()).digest
    assert facts_of(msgspec.structs.replace(known(), version=9, changed_at=known().opened_at)) == facts_of(known())


def test_a_language_model_is_configured_by_its_address_and_name_and_off_by_default() -> None:
    assert Config().summary.rewrite is None
    said = Config.model_validate({"summary": {"rewrite": {"url": "https://llm.example/v1", "model": "small"}}})
    assert said.summary.rewrite is not None
    assert (said.summary.rewrite.timeout.total_seconds(), said.summary.rewrite.per_minute) == (10, 10)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"url": "llm.example/v1"}, "write an address"),
        ({"url": "file:///etc/passwd"}, "write an address"),
        ({"url": "https://user:secret@llm.example/v1"}, "TANDEM_LLM_API_KEY"),
        ({"model": ""}, "at least 1 character"),
        ({"timeout": "0s"}, "from 100ms to 2m"),
        ({"per_minute": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_asked_is_an_error_of_the_configuration(change: dict[str, Any], why: str) -> None:
    given = {"url": "https://llm.example/v1", "model": "small"} | change
    with pytest.raises(ValueError, match=why):
        Config.model_validate({"summary": {"rewrite": given}})
