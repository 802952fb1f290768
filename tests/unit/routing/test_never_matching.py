"""Routes that can never match are found: because of their own matchers, or of a route before them."""

import pytest

from bot.domain.routing.route import Route
from bot.routing.compiled import compiled
from bot.routing.never import Never, never_matching


def never(*matches: list[str], goes_on: bool = False) -> list[Never]:
    written = [{"match": match, "continue": goes_on} for match in matches]
    return list(never_matching(compiled([Route.model_validate(one) for one in written])))


@pytest.mark.parametrize(
    "match",
    [
        ["env=a", "env=b"],
        ["env=a", "env!=a"],
        ["env=a", "env=~b|c"],
        ["env=prod", "env!~pro.*"],
        ["severity=sometimes"],
        ["severity=~worst.*"],
        ["severity!~critical|high", "severity!~warning|info"],
        ["service=a", "service!=a"],
        ["cause=weather"],
        ["env!~.*"],
        ['env=""', "env=~.+"],
    ],
)
def test_matchers_that_no_incident_fits(match: list[str]) -> None:
    [found] = never(match)
    assert found.why.startswith("no incident fits ")


@pytest.mark.parametrize(
    "match",
    [
        ["env=a", "team=a"],
        ["service=a", "service=b"],
        ["team=~a|b", "team!=a"],
        ["severity=P1"],
        ["severity=critical", "severity!=high"],
        ["cause=data"],
        ['cause=""'],
        ["env!=a", "env!=b"],
    ],
)
def test_matchers_that_some_incident_fits(match: list[str]) -> None:
    assert never(match) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([], ["env=a"]),
        (["env=a"], ["env=a"]),
        (["env=a"], ["env=a", "severity=critical"]),
        (["env=~a|b"], ["env=a"]),
        (["env=~a.*"], ["env=~ab|ac"]),
        (["severity=~critical|high"], ["team=x", "severity=high"]),
        (["severity!=info"], ["severity=critical"]),
        (["severity=~critical|high|warning|info"], ["env=a"]),
        (["env=~.*"], ["env!=a"]),
        (["env!=a"], ["env!~a|b"]),
        (["service=~a|b"], ["service=b"]),
        (["severity=P1"], ["severity=critical"]),
    ],
)
def test_a_route_before_takes_everything(first: list[str], second: list[str]) -> None:
    assert never(first, second) == [Never(1, taken_by=0)]
    assert never(first, second, goes_on=True) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["env=a"], ["env=b"]),
        (["env=a", "team=x"], ["env=a"]),
        (["severity=critical"], ["severity=~critical|high"]),
        (["service!=a"], ["service=b"]),
        (["env!~a|b"], ["env!=a"]),
        (["env=~a.*"], ["env=~a.+"]),
    ],
)
def test_a_route_before_leaves_something(first: list[str], second: list[str]) -> None:
    assert never(first, second) == []
