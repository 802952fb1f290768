"""Labels out of an alert's own words, and places of addresses that an alert fills."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.config.enrichment.section import PatternSection
from bot.domain.enrichment import STALE, Enrichment, Lookup, Step
from bot.domain.enrichment.derived import Expressions, Pattern, text_of
from bot.domain.enrichment.places import filled, places_in
from bot.domain.event import AlertEvent, AlertStatus
from bot.domain.rules import CorrelationRules

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVICE_OF_INSTANCE = Pattern("regex", "1", "instance", r"^(?P<service>[a-z]+)-\d+")


def enrichment(*steps: Step) -> Enrichment:
    return Enrichment(steps, lambda known: CorrelationRules().about(known, frozenset()))


def enriched(*steps: Step, summary: str = "", **labels: str) -> AlertEvent:
    annotations = {"summary": summary} if summary else {}
    event = AlertEvent("alertmanager", "f", AlertStatus.FIRING, labels, NOON, annotations)
    [after] = enrichment(*steps).of_alerts([event])
    return after


def lookup(ttl: timedelta = timedelta(minutes=10)) -> Lookup:
    return Lookup("cmdb", "1", "https://cmdb/{service}", ("service",), {"team": "team"}, ttl, timedelta(seconds=1))


def test_named_groups_become_labels_and_an_alert_without_a_match_stays_as_it_is() -> None:
    assert enriched(SERVICE_OF_INSTANCE, instance="cart-17:9100").labels["service"] == "cart"
    assert enriched(SERVICE_OF_INSTANCE, instance="17").labels == {"instance": "17"}
    assert enriched(SERVICE_OF_INSTANCE, instance="cart-17", service="mine").labels["service"] == "mine"


def test_a_pattern_reads_annotations_and_a_group_that_took_no_part_adds_nothing() -> None:
    found = enriched(
        Pattern("regex", "1", "annotations.summary", r"order (?P<order>\d+)(?: of (?P<shop>\w+))?"),
        summary="order 7 late",
    )
    assert found.labels == {"order": "7"}


@pytest.mark.parametrize("expression", ["ceil(to_number(labels.ratio))", "floor(to_number(labels.ratio))"])
def test_an_expression_that_overflows_adds_nothing_and_costs_no_alert(expression: str) -> None:
    found = enriched(Expressions("jmespath", "1", {"whole": expression}), ratio="1e400")
    assert found.labels == {"ratio": "1e400"}


def test_what_is_added_can_be_stored_and_is_of_a_bounded_length() -> None:
    unfit = Expressions("jmespath", "1", {"team": "join(`\"\\u0000\"`, ['a', 'b'])", "half": '`"\\ud800"`'})
    found = enriched(unfit, Pattern("regex", "1", "instance", "(?P<long>x+)"), instance="x" * 3000)
    assert (found.labels["team"], found.labels["half"], len(found.labels["long"])) == ("a\ufffdb", "\ufffd", 1000)


def test_no_pattern_takes_exponential_time() -> None:
    nested = Pattern("regex", "1", "instance", r"^(?P<a>(?:a+)+)+$")
    assert enriched(nested, instance="a" * 3000 + "!").labels.keys() == {"instance"}


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("cart-", "has no named group"),
        ("(?P<service>", "is no pattern of RE2"),
        (r"(?P<a>x)\1", "is no pattern of RE2"),
        ("(?<=x)(?P<a>y)", "is no pattern of RE2"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused_with_its_reason(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        PatternSection.model_validate({"from": "instance", "pattern": pattern})


def test_expressions_find_labels_in_labels_and_annotations() -> None:
    step = Expressions("jmespath", "1", {"team": "labels.owner || annotations.team", "about": "join('/', [service])"})
    assert enriched(step, service="cart", owner="shop").labels == {
        "service": "cart", "owner": "shop", "team": "shop", "about": "cart"
    }  # fmt: skip


def test_an_expression_that_does_not_fit_an_alert_adds_nothing() -> None:
    step = Expressions("jmespath", "1", {"team": "length(labels.none)", "tier": "labels.level"})
    assert enriched(step, level="1").labels == {"level": "1", "tier": "1"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "true"), (3, "3"), (["a", 1, {"b": 2}], "a, 1"), ({"a": 1}, ""), (" x ", "x"),
     ("y" * 2000, "y" * 1000)],
)  # fmt: skip
def test_values_of_json_become_labels(value: object, text: str) -> None:
    assert text_of(value) == text


def test_what_an_alert_says_is_one_part_of_an_address() -> None:
    url = "https://cmdb.example/of/{service}?in={labels.region}"
    assert places_in(url) == ["service", "labels.region"]
    assert filled(url, {"service": "../a?b#c", "labels.region": "x&y=z"}) == (
        "https://cmdb.example/of/..%2Fa%3Fb%23c?in=x%26y%3Dz"
    )


@pytest.mark.parametrize("service", ["", ".", "..", "x" * 201])
def test_nothing_is_asked_with_what_no_address_should_hold(service: str) -> None:
    event = AlertEvent("alertmanager", "f", AlertStatus.FIRING, {"service": service}, NOON)
    assert enrichment(lookup()).asked_for([event]) == set()


def test_a_later_entry_reads_what_an_earlier_one_added() -> None:
    owners = lookup()
    owners.answers.note(("cart",), {"team": "shop"}, NOON)
    assert enriched(SERVICE_OF_INSTANCE, owners, instance="cart-1").labels["team"] == "shop"
    assert "team" not in enriched(owners, SERVICE_OF_INSTANCE, instance="cart-1").labels


def test_an_answer_that_could_not_be_renewed_is_used_and_says_of_when_it_is() -> None:
    owners = lookup()
    owners.answers.note(("cart",), {"team": "shop"}, NOON)
    assert STALE not in enriched(owners, service="cart").annotations
    owners.answers.note_failure(("cart",), NOON + timedelta(hours=1))
    stale = enriched(owners, service="cart")
    assert stale.labels["team"] == "shop"
    assert stale.annotations[STALE] == "team: cmdb does not answer; as of 2026-03-01 12:00 UTC"


def test_what_was_never_answered_is_known_to_be_unknown() -> None:
    owners, event = lookup(), AlertEvent("alertmanager", "f", AlertStatus.FIRING, {"service": "cart"}, NOON)
    assert enrichment(owners).has_unasked([event])
    owners.answers.note_failure(("cart",), NOON)
    assert not enrichment(owners).has_unasked([event])
    assert enriched(owners, service="cart").labels == {"service": "cart"}
