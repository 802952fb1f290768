"""Warnings about a configuration: what is allowed but unlikely to be meant."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.config import load_config

nodes = st.sampled_from("abcdef")
topologies = st.dictionaries(nodes, st.lists(nodes, max_size=3, unique=True), max_size=6)


def warnings(path: Path, text: str) -> list[str]:
    path.write_text(text)
    lines = load_config(path)[1]
    assert all(line.startswith(f"{path}:") for line in lines)
    return [line.removeprefix(f"{path}:") for line in lines]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tandem.yaml"


@pytest.mark.parametrize(
    "text, line",
    [
        (
            "services:\n  web:\n    depends_on:\n    - chekout\n  checkout: {}",
            "4: services.web.depends_on.0: 'chekout' is described nowhere; did you mean 'checkout'?",
        ),
        (
            "services: {pool: {}}\nmodels:\n  m:\n    served_by: poool",
            "4: models.m.served_by: 'poool' is described nowhere; did you mean 'pool'?",
        ),
        (
            "models:\n  m:\n    depends_on: [sales]",
            "3: models.m.depends_on.0: 'sales' is described nowhere; known are m",
        ),
    ],
)
def test_a_name_that_is_described_nowhere_is_doubted_and_the_nearest_is_named(path: Path, text: str, line: str) -> None:
    assert warnings(path, text) == [line]


def test_services_and_models_know_each_other(path: Path) -> None:
    text = "services: {web: {depends_on: [m]}, pool: {}}\nmodels: {m: {served_by: pool, depends_on: [pool]}}"
    assert warnings(path, text) == []


@pytest.mark.parametrize(
    "text, line",
    [
        ("services:\n  a: {depends_on: [a]}", "2: services.a: depends on itself: a → a"),
        ("services:\n  a: {depends_on: [b]}\n  b: {depends_on: [a]}", "2: services.a: depends on itself: a → b → a"),
        (
            "services:\n  w: {depends_on: [a]}\n  a: {depends_on: [b]}\n  b: {depends_on: [a]}",
            "3: services.a: depends on itself: a → b → a",
        ),
        ("models:\n  m: {depends_on: [m]}", "2: models.m: depends on itself: m → m"),
        (
            "services:\n  a: {depends_on: [m]}\nmodels:\n  m: {served_by: a}",
            "2: services.a: depends on itself: a → m → a",
        ),
    ],
)
def test_a_cycle_is_told_with_its_way(path: Path, text: str, line: str) -> None:
    assert warnings(path, text) == [line]


def reaches_itself(start: str, depends_on: dict[str, list[str]]) -> bool:
    seen: set[str] = set()
    waiting = list(depends_on.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += depends_on.get(name, ())
    return start in seen


@given(topologies)
def test_cycles_are_told_exactly_when_there_are_any_and_are_real(
    tmp_path_factory: pytest.TempPathFactory, depends_on: dict[str, list[str]]
) -> None:
    text = yaml.safe_dump({"services": {name: {"depends_on": others} for name, others in depends_on.items()}})
    told = warnings(tmp_path_factory.getbasetemp() / "cycles.yaml", text)
    ways = [line.partition("itself: ")[2].split(" → ") for line in told if "depends on itself" in line]
    assert bool(ways) == any(reaches_itself(name, depends_on) for name in depends_on)
    for way in ways:
        assert way[0] == way[-1]
        assert all(after in depends_on[before] for before, after in pairwise(way))


def test_a_cycle_through_a_thousand_services_is_found(path: Path) -> None:
    chain = "\n".join(f"  s{n}: {{depends_on: [s{n + 1}]}}" for n in range(1000))
    [line] = warnings(path, f"services:\n{chain}\n  s1000: {{depends_on: [s0]}}")
    assert line.startswith("2: services.s0: depends on itself: s0 → s1 → s2")


@pytest.mark.parametrize(
    "schedule, variables",
    [
        ("ical: {secret: SHOP}", ["TANDEM_SECRET_SHOP"]),
        ("pagerduty: PSCHED1", ["TANDEM_PAGERDUTY_TOKEN"]),
        ("opsgenie: primary", ["TANDEM_OPSGENIE_TOKEN"]),
        ("grafana_irm: S1", ["TANDEM_GRAFANA_IRM_URL", "TANDEM_GRAFANA_IRM_TOKEN"]),
    ],
)
def test_a_schedule_whose_variable_is_not_set_is_doubted_with_its_name(
    path: Path, monkeypatch: pytest.MonkeyPatch, schedule: str, variables: list[str]
) -> None:
    for variable in variables:
        monkeypatch.delenv(variable, raising=False)
    for variable in variables:
        [told] = warnings(path, f"schedules:\n  shop: {{{schedule}}}")
        assert told.endswith(f": {variable} is not set here: nobody would be known to be on call")
        monkeypatch.setenv(variable, "x")
    assert warnings(path, f"schedules:\n  shop: {{{schedule}}}") == []
