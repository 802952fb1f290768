"""What tables add to alerts: by what they are about, never against their own word, and the alert stays the same one."""

from datetime import UTC, datetime

from bot.domain.enrichment import Enrichment, Table
from bot.domain.event import AlertEvent, AlertStatus, ChangeEvent, ChangeKind
from bot.domain.rules import CorrelationRules

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWNERS = Table("owners", "1", ["service"], ["team", "tier"], {("cart",): ("shop", "1"), ("mail",): ("post", "")})
TEAMS = Table("teams", "1", ["team", "region"], ["channel"], {("shop", "eu"): ("#shop",)})


def enriched(*tables: Table, **labels: str) -> AlertEvent:
    event = AlertEvent("alertmanager", "f", AlertStatus.FIRING, labels, NOON)
    rules = CorrelationRules()
    [after] = Enrichment(tables, lambda known: rules.about(known, frozenset())).of_alerts([event])
    assert after.fingerprint == "f"
    return after


def test_a_row_adds_its_labels() -> None:
    assert enriched(OWNERS, service="cart").labels == {"service": "cart", "team": "shop", "tier": "1"}


def test_a_service_is_what_the_alert_is_about_however_its_labels_say_that() -> None:
    labels = {"alertname": "KubePodCrashLooping", "job": "kube-state-metrics", "pod": "cart-7d9f8b6c5-x2x1z"}
    assert enriched(OWNERS, service="kube-state-metrics", **labels).labels["team"] == "shop"


def test_what_an_alert_says_of_itself_stays_and_an_empty_cell_says_nothing() -> None:
    assert enriched(OWNERS, service="cart", team="mine").labels["team"] == "mine"
    assert enriched(OWNERS, service="mail").labels == {"service": "mail", "team": "post"}
    assert enriched(OWNERS, service="other").labels == {"service": "other"}


def test_a_later_table_may_look_up_what_an_earlier_one_added() -> None:
    assert enriched(OWNERS, TEAMS, service="cart", region="eu").labels["channel"] == "#shop"
    assert "channel" not in enriched(TEAMS, OWNERS, service="cart", region="eu").labels


def test_what_is_no_alert_stays_as_it_is() -> None:
    change = ChangeEvent("cd", "1", "cart", ChangeKind.DEPLOY, "v2", NOON, {"service": "cart"})
    assert Enrichment([OWNERS], lambda known: CorrelationRules().about(known, frozenset())).of([change]) == [change]
