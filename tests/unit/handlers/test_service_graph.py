"""The graph of services on the overview: layers, bounds, and circles."""

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.severity import Severity
from handlers.api.shapes import ServiceShape
from handlers.pages.topology import MOST_EDGES, MOST_NODES, service_graph

NAMES = st.sampled_from([f"s{n}" for n in range(60)])


def service(name: str, *depends_on: str, severity: Severity | None = None) -> ServiceShape:
    return ServiceShape(name, list(depends_on), [], severity, [1] if severity else [])


def test_whoever_depends_on_something_stands_above_it() -> None:
    graph = service_graph([service("db"), service("shop", "cart", "db"), service("cart", "db")])
    assert graph is not None
    rows = {node.name: node.y for node in graph.nodes}
    assert rows["shop"] < rows["cart"] < rows["db"]
    assert len(graph.edges) == 3


def test_of_many_services_those_in_trouble_and_their_neighbours_are_shown() -> None:
    many = [service(f"a{n:03}", "hub") for n in range(200)]
    ill = service("z-ill", "z-below", severity=Severity.CRITICAL)
    graph = service_graph([ill, *many, service("hub"), service("z-above", "z-ill"), service("z-below")])
    assert graph is not None
    names = {node.name for node in graph.nodes}
    assert len(names) == MOST_NODES
    assert {"z-ill", "z-below", "z-above", "hub"} <= names
    assert graph.left_out == 204 - MOST_NODES


def test_services_that_nothing_connects_are_no_graph() -> None:
    assert service_graph([]) is None
    assert service_graph([service("a", "a"), service("b", "unknown", severity=Severity.HIGH)]) is None


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=60, unique=True), max_size=60))
def test_any_topology_is_drawn_within_its_bounds_and_no_two_services_at_one_place(links: dict[str, list[str]]) -> None:
    names = {*links, *(below for others in links.values() for below in others)}
    graph = service_graph([service(name, *links.get(name, ())) for name in sorted(names)])
    if graph is None:
        return
    places = [(node.x, node.y) for node in graph.nodes]
    assert len(set(places)) == len(places) <= MOST_NODES
    assert len(graph.edges) <= MOST_EDGES
    assert all(
        0 <= x <= graph.width - graph.node_width and 0 <= y <= graph.height - graph.node_height for x, y in places
    )
    assert graph.width <= 6 * 172
