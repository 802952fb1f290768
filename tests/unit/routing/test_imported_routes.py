"""Routes made from Alertmanager's tree decide what the tree decides."""

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.commands.parts.alertmanager.flattening import outcomes_in_order
from bot.commands.parts.alertmanager.matchers import alternatives, read_matchers, together, without
from bot.commands.parts.alertmanager.tree import Node, Receiver
from bot.commands.parts.alertmanager.writing import routes_of
from bot.domain.matcher import Matcher, matches, matches_all
from bot.domain.routing.decision import Decision, Facts
from bot.domain.routing.route import Route
from bot.errors import TandemError
from bot.routing.compiled import Routes

_LABELS, _VALUES = "abc", ("", "x", "y", "z")
_NAMES = [f"r{i}" for i in range(5)]
ROOT = "root"

matchers = st.builds(
    Matcher,
    st.sampled_from(_LABELS),
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.sampled_from([*_VALUES, "x|y", "y|z", "x?", ".+", "[xy]"]),
)
label_sets = st.dictionaries(st.sampled_from(_LABELS), st.sampled_from(_VALUES[1:]))


def nodes(children: st.SearchStrategy[tuple[Node, ...]]) -> st.SearchStrategy[Node]:
    return st.builds(
        Node,
        place=st.just(()),
        line=st.just(1),
        receiver=st.sampled_from(_NAMES),
        matchers=st.lists(matchers, max_size=3).map(tuple),
        goes_on=st.booleans(),
        children=children,
    )


trees = st.recursive(nodes(st.just(())), lambda below: nodes(st.lists(below, max_size=4).map(tuple)), max_leaves=12)
roots = st.lists(trees, max_size=5).map(lambda children: Node((), 1, ROOT, children=tuple(children)))


def of_alertmanager(node: Node, labels: Mapping[str, str]) -> list[Node]:
    """As dispatch/route.go decides."""
    if not matches_all(list(node.matchers), labels):
        return []
    found: list[Node] = []
    for child in node.children:
        below = of_alertmanager(child, labels)
        found += below
        if below and not child.goes_on:
            break
    return found or [node]


def made(root: Node, receivers: Mapping[str, Receiver]) -> Routes:
    flat = outcomes_in_order(root, receivers)
    written = [route for one in flat for route in routes_of(one, receivers[one.node.receiver])]
    return Routes([Route.model_validate(one) for one in written], f"#{ROOT}")


def decided(root: Node, receivers: Mapping[str, Receiver], labels: Mapping[str, str]) -> Decision:
    return made(root, receivers).decide(Facts(labels=labels))


def in_a_channel_each() -> dict[str, Receiver]:
    return {name: Receiver(name, (f"#{name}",)) for name in [ROOT, *_NAMES]}


@settings(max_examples=150, deadline=None)
@given(roots, st.lists(label_sets, min_size=1, max_size=8))
def test_an_incident_is_shown_where_alertmanager_would_have_sent_its_alerts(
    root: Node, several: list[dict[str, str]]
) -> None:
    routes = made(root, in_a_channel_each())
    for labels in several:
        receivers = dict.fromkeys(f"#{one.receiver}" for one in of_alertmanager(root, labels))
        assert routes.decide(Facts(labels=labels)).channels == tuple(receivers)


@settings(max_examples=60, deadline=None)
@given(roots, label_sets)
def test_receivers_that_page_escalate_the_first_of_them_where_several_do(root: Node, labels: dict[str, str]) -> None:
    receivers = {
        name: Receiver(name, (f"#{name}", f"#{name}-all"), ("S0SHOPGRP",), name, ({"after": "0m"},))
        for name in [ROOT, *_NAMES]
    }
    decision = decided(root, receivers, labels)
    found = [one.receiver for one in of_alertmanager(root, labels)]
    assert decision.escalation == found[0]
    assert decision.channels == tuple(dict.fromkeys(c for name in found for c in receivers[name].channels))
    assert all(target.mention == ("S0SHOPGRP",) for target in decision.targets)


@settings(max_examples=60, deadline=None)
@given(roots, label_sets)
def test_a_receiver_without_a_channel_takes_no_incident_from_the_channels_of_others(
    root: Node, labels: dict[str, str]
) -> None:
    receivers = in_a_channel_each() | {"r0": Receiver("r0", silent=True)}
    found = [one.receiver for one in of_alertmanager(root, labels)]
    shown = decided(root, receivers, labels).channels
    assert [one for one in shown if one != f"#{ROOT}"] == [
        f"#{n}" for n in dict.fromkeys(found) if n not in ("r0", ROOT)
    ]
    assert shown


@given(st.lists(matchers, max_size=4), label_sets)
def test_matchers_that_others_imply_are_left_out_and_nothing_else(
    several: list[Matcher], labels: dict[str, str]
) -> None:
    kept = together(several)
    assert (kept is not None and matches_all(list(kept), labels)) == matches_all(several, labels)


@given(st.lists(matchers, max_size=3), st.lists(matchers, max_size=3), label_sets)
def test_the_cases_in_which_something_does_not_match_exclude_each_other(
    case: list[Matcher], against: list[Matcher], labels: dict[str, str]
) -> None:
    holding = [one for one in without([tuple(case)], tuple(against)) if matches_all(list(one), labels)]
    assert len(holding) == (matches_all(case, labels) and not matches_all(against, labels))


@pytest.mark.parametrize("operator", ["=~", "!~"])
def test_a_pattern_that_is_too_long_is_cut_and_means_the_same(operator: str) -> None:
    long = Matcher("a", operator, "(" + "|".join(f"shop-{i}.*" for i in range(200)) + ")")  # type: ignore[arg-type]
    ways = alternatives(long)
    for value in ("shop-0", "shop-77-eu", "shop-199", "shop", "", "mail"):
        cut = any(all(matches(one, {"a": value}) for one in way) for way in ways)
        assert cut == matches(long, {"a": value})
    assert all(Route(match=[str(one)]) for way in ways for one in way)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('severity="critical"', ['severity="critical"']),
        (" team =~ shop|data ", ['team=~"shop|data"']),
        ('{a="x, y",b!~"c{1,2}"}', ['a="x, y"', 'b!~"c{1,2}"']),
        (r'path=~"/v1\\.2"', [r'path=~"/v1\\.2"']),
        (r"path=~/v1\\.2", [r'path=~"/v1\\.2"']),
        (r"path=~/v1\.2", [r'path=~"/v1\\.2"']),
        ('a=""', ['a=""']),
        ("a=", ['a=""']),
        ('"app.kubernetes.io/name"="web"', ['"app.kubernetes.io/name"="web"']),
        ("two words = x y", None),
        ("a~b", None),
        ('a=~"("', None),
    ],
)
def test_matchers_are_read_as_alertmanager_reads_them(text: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(ValueError, match=r"matcher|expression"):
            list(read_matchers(text))
    else:
        assert [str(one) for one in read_matchers(text)] == expected


def test_a_tree_that_would_take_too_many_routes_is_refused() -> None:
    def of(i: int) -> Iterator[Matcher]:
        yield from (Matcher(f"l{i}-{n}", "=", "x") for n in range(8))

    children = tuple(Node((), 3, "r1", tuple(of(i))) for i in range(8))
    root = Node((), 1, ROOT, children=(Node((), 2, "r0", goes_on=True, children=children),))
    with pytest.raises(TandemError, match="line 2"):
        outcomes_in_order(root, in_a_channel_each())
