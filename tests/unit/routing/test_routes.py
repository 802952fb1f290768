"""Which route takes an incident."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.access.team import Team, Teams
from bot.domain.cause import CauseKind
from bot.domain.routing.decision import Decision, Facts, Target
from bot.domain.routing.mention import OnCall
from bot.domain.routing.route import Route
from bot.domain.severity import Severity
from bot.routing.compiled import Routes
from bot.routing.never import never_matching

ELSE = "#incidents"
TEAMS = Teams(
    {"shop": Team(services=["checkout", "cart-*"]), "pay": Team(services=["payments", "*-pay"])}, {"mail": "comms"}
)


def routes(*written: dict[str, Any], **severities: Severity) -> Routes:
    return Routes([Route.model_validate(one) for one in written], ELSE, TEAMS, severities)


def facts(severity: Severity = Severity.HIGH, services: Sequence[str] = ("checkout",), **labels: str) -> Facts:
    return Facts(severity=severity, services=services, labels=labels)


def test_the_first_route_that_matches_decides() -> None:
    known = routes(
        {"match": ['team="shop"', 'severity=~"critical|high"'], "channel": "#shop", "mention": ["S0SHOPGRP"]},
        {"match": ['team="shop"'], "channel": "#shop-quiet"},
        {"channel": "#rest"},
    )
    assert known.decide(facts()) == Decision((Target("#shop", ("S0SHOPGRP",)),), "shop", None, (0,))
    assert known.decide(facts(Severity.INFO)).channels == ("#shop-quiet",)
    assert known.decide(facts(services=["dns"])) == Decision((Target("#rest"),), None, None, (2,))


def test_what_no_route_matches_goes_to_the_channel_of_slack() -> None:
    assert routes({"match": ["a=b"], "channel": "#a"}).decide(facts()).channels == (ELSE,)
    assert routes().decide(facts()) == Decision((Target(ELSE),), "shop")


def test_with_continue_an_incident_has_several_channels_and_the_first_team_and_escalation_that_are_named() -> None:
    known = routes(
        {"match": ["severity=critical"], "channel": "#all-critical", "continue": True, "mention": "U0BOSS001"},
        {"match": ["team=shop"], "channel": "#shop", "escalation": "shop", "team": "shop", "continue": True},
        {"match": ["env=prod"], "channel": "#all-critical", "mention": [{"schedule": "ops"}], "escalation": "ops"},
        {"channel": "#never-reached"},
    )
    decision = known.decide(facts(Severity.CRITICAL, env="prod"))
    assert decision.targets == (
        Target("#all-critical", ("U0BOSS001", OnCall(schedule="ops"))),
        Target("#shop"),
    )
    assert (decision.team, decision.escalation, decision.routes) == ("shop", "shop", (0, 1, 2))


def test_a_route_without_a_channel_leaves_it_where_slack_says() -> None:
    assert routes({"match": "team=shop", "escalation": "x"}).decide(facts()).channels == (ELSE,)


@pytest.mark.parametrize(
    ("matcher", "taken"),
    [
        ("service=cart-eu", True),
        ("service=~cart-.*", True),
        ("service!=cart-eu", False),
        ("service!=mail", True),
        ("service!~cart-.*", False),
        ("source=grafana", True),
        ("cause=resource", True),
        ("cause=storage", True),
        ("cause=data", False),
        ("domain=eu-1", True),
        ("severity=P2", True),
        ("severity=urgent", True),
        ("severity!=critical", True),
        ("team=shop", True),
        ("team=pay", True),
        ("team!=pay", False),
        ("nothing=", True),
        ("nothing!=", False),
        ("env=~prod|stage", True),
        ("env!~prod|stage", False),
        ("env=~pro.", True),
        ("env=~pro", False),
    ],
)
def test_matchers_see_shared_labels_and_what_is_known_of_the_incident(matcher: str, taken: bool) -> None:
    known = routes({"match": [matcher], "channel": "#a"}, urgent=Severity.HIGH)
    decision = known.decide(
        Facts(
            severity=Severity.HIGH,
            services=["payments", "cart-eu"],
            sources=["alertmanager", "grafana"],
            cause=CauseKind.STORAGE,
            domain="eu-1",
            labels={"env": "prod"},
        )
    )
    assert (decision.channels == ("#a",)) is taken


def test_the_team_is_what_the_route_says_else_the_label_else_who_answers_for_the_services_else_the_owner() -> None:
    known = routes({"match": ["severity=critical"], "team": "shop"})
    assert known.decide(facts(Severity.CRITICAL, team="pay")).team == "shop"
    assert known.decide(facts(team="pay")).team == "pay"
    assert known.decide(facts(services=["eu-pay", "checkout"])).team == "pay"
    assert known.decide(facts(services=["mail"])).team == "comms"
    assert known.decide(facts(services=["dns"])).team is None
    assert routes({"match": ["team=comms"], "channel": "#c"}).decide(facts(services=["mail"])).channels == ("#c",)


def test_mentions_are_ids_of_people_and_groups_or_a_schedule() -> None:
    for wrong in ("everyone", "<!channel>", {"schedul": "shop"}, {"schedule": ""}, 3):
        with pytest.raises(ValidationError, match="Slack"):
            Route.model_validate({"mention": [wrong]})


_LABELS = ["severity", "service", "team", "cause", "env", "source"]
_VALUES = ["critical", "high", "info", "checkout", "cart-eu", "shop", "pay", "data", "storage", "prod", ""]
_PATTERNS = ["critical|high", "cart-.*", "checkout|cart-eu", ".*", ".+", "shop", "critical|high|warning|info"]
_matcher = st.one_of(
    st.builds('{}{}"{}"'.format, st.sampled_from(_LABELS), st.sampled_from(["=", "!="]), st.sampled_from(_VALUES)),
    st.builds('{}{}"{}"'.format, st.sampled_from(_LABELS), st.sampled_from(["=~", "!~"]), st.sampled_from(_PATTERNS)),
)
_route = st.fixed_dictionaries(
    {"match": st.lists(_matcher, max_size=3), "channel": st.sampled_from(["#a", "#b"]), "continue": st.booleans()}
)
_facts = st.builds(
    Facts,
    severity=st.sampled_from(Severity),
    services=st.lists(st.sampled_from(["checkout", "cart-eu", "payments", "dns"]), max_size=2, unique=True),
    sources=st.lists(st.sampled_from(["prod", "shop"]), max_size=1),
    cause=st.none() | st.sampled_from(CauseKind),
    labels=st.dictionaries(st.sampled_from(["env", "team"]), st.sampled_from(["prod", "shop", "pay"])),
)


@given(st.lists(_route, max_size=6), _facts)
def test_the_index_leaves_no_route_out(written: list[dict[str, Any]], given_facts: Facts) -> None:
    known = routes(*written)
    values = known.values_of(given_facts)
    expected: list[int] = []
    for one in known.all:
        if one.holds(values):
            expected.append(one.place)
            if not one.route.goes_on:
                break
    assert known.decide(given_facts).routes == tuple(expected)


@given(st.lists(_route, max_size=5), st.lists(_facts, min_size=1, max_size=10))
def test_a_route_that_is_said_never_to_match_never_does(written: list[dict[str, Any]], many: list[Facts]) -> None:
    known = routes(*written)
    never = {one.place for one in never_matching(known.all)}
    for one in many:
        assert never.isdisjoint(known.decide(one).routes)
