"""The world of the storm benchmark: a topology, what is known of it, and faults that spread through it."""

import heapq
from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple

_AREAS = [
    "cart",
    "checkout",
    "search",
    "catalog",
    "pricing",
    "stock",
    "orders",
    "billing",
    "forecast",
    "promo",
    "media",
    "mail",
    "profile",
    "auth",
]
_ROLES = ["api", "web", "worker", "sync", "gateway", "index", "rules", "feed", "export", "cache-warmer", "scorer"]
_STORES = ("postgresql", "redis", "kafka", "rabbitmq")
HOP_CHANCE = 0.7
"""How likely a dependant suffers; with every hop further away it is less likely."""
HOP_DECAY = 0.75
MAX_AFFECTED = 120


class Node(NamedTuple):
    """Something that can break. ``component`` says which alerting rules watch it."""

    name: str
    component: str
    pods: tuple[str, ...] = ()


class World(NamedTuple):
    """``depends_on`` is the truth; ``known`` is what the configuration says of it, with gaps and leftovers."""

    nodes: Mapping[str, Node]
    depends_on: Mapping[str, list[str]]
    known: Mapping[str, list[str]]

    @property
    def dependants(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for name, others in self.depends_on.items():
            for other in others:
                found[other].append(name)
        return found


class Fault(NamedTuple):
    """``reached`` gives each node that suffers the seconds from the fault's beginning until it does."""

    id: str
    root: str
    kind: str
    at: float
    lasts: float
    reached: Mapping[str, float]


def make_world(services: int, random: Random) -> World:
    """Services in layers on stores, all of them on hosts that they share; a few calls go back and make cycles."""
    names = _names(services, random)
    stores = max(2, services // 5)
    nodes = {name: _service(name, n, services - stores, random) for n, name in enumerate(names[: services - stores])}
    layered = list(nodes)
    store_nodes = [_store(name, random) for name in names[services - stores :]]
    depends_on: dict[str, list[str]] = {name: [] for name in names}
    popularity = {name: random.paretovariate(1.2) for name in names}
    for position, name in enumerate(layered):
        below = layered[position + 1 : position + 1 + max(6, services // 3)]
        depends_on[name] += _pick(below, popularity, random.choice((0, 1, 1, 2, 2, 3)), random)
        depends_on[name] += _pick(
            [store.name for store in store_nodes], popularity, random.choice((0, 1, 1, 2)), random
        )
    for _ in range(services // 50):
        lower, upper = random.choice(layered[1:]), random.choice(layered[:-1])
        if lower != upper and upper not in depends_on[lower]:
            depends_on[lower].append(upper)
    nodes |= {store.name: store for store in store_nodes}
    hosts = [f"node-{n:02d}" for n in range(max(2, services // 6))]
    for name in names:
        depends_on[name] += random.sample(hosts, random.choice((1, 1, 2)))
    nodes |= {host: Node(host, "host") for host in hosts}
    depends_on |= {host: [] for host in hosts}
    return World(nodes, depends_on, _as_configured(depends_on, random))


def _names(count: int, random: Random) -> list[str]:
    every = [f"{area}-{role}" for area in _AREAS for role in _ROLES]
    random.shuffle(every)
    return [every[n % len(every)] + (f"-{n // len(every) + 1}" if n >= len(every) else "") for n in range(count)]


def _service(name: str, position: int, services: int, random: Random) -> Node:
    edge = position < max(1, services // 10)
    component = random.choice(("nginx", "haproxy")) if edge else "service"
    pods = tuple(
        f"{name}-{random.getrandbits(36):09x}-{random.getrandbits(20):05x}" for _ in range(random.randint(1, 4))
    )
    return Node(name, component, pods)


def _store(name: str, random: Random) -> Node:
    return Node(name, random.choice(_STORES), tuple(f"{name}-{n}" for n in range(random.randint(1, 3))))


def _pick(names: list[str], popularity: Mapping[str, float], count: int, random: Random) -> list[str]:
    chosen: dict[str, None] = {}
    for _ in range(count if names else 0):
        chosen[random.choices(names, [popularity[name] for name in names])[0]] = None
    return list(chosen)


def _as_configured(depends_on: Mapping[str, list[str]], random: Random) -> dict[str, list[str]]:
    """What people wrote down: one edge in fifty is forgotten, and some are left over from what was."""
    names = list(depends_on)
    known = {name: [other for other in others if random.random() > 0.02] for name, others in depends_on.items()}
    for _ in range(len(names) // 50):
        name, other = random.sample(names, 2)
        if other not in known[name]:
            known[name].append(other)
    return known


def make_faults(world: World, begins: list[float], apart: bool, random: Random) -> list[Fault]:
    """Faults that are independent: none begins at what depends on another's root.

    ``apart`` says whether each also reaches services of its own; else what they reach may overlap.
    """
    faults: list[Fault] = []
    dependants = world.dependants
    roots = [name for name in world.nodes if dependants[name]]
    reach = {name: _everything_above(name, dependants) for name in roots}
    for number, at in enumerate(begins):
        taken = [fault.root for fault in faults]
        free = [n for n in roots if not any(n in reach[root] or root in reach[n] for root in taken)]
        for root in random.sample(free or roots, len(free or roots)):
            reached = spread(world, root, random)
            overlaps = apart and any(reached.keys() & fault.reached.keys() for fault in faults)
            if len(reached) >= 3 and root not in taken and not overlaps:
                break
        kind = random.choice(("resource", "unknown", "change")) if world.nodes[root].component != "host" else "resource"
        faults.append(Fault(f"f{number}", root, kind, at, random.uniform(600, 1500), reached))
    return faults


def _everything_above(name: str, dependants: Mapping[str, list[str]]) -> set[str]:
    found = {name}
    waiting = [name]
    while waiting:
        further = [above for above in dependants[waiting.pop()] if above not in found]
        found.update(further)
        waiting += further
    return found


def spread(world: World, root: str, random: Random) -> dict[str, float]:
    """Seconds until each node suffers: along dependencies towards dependants, each edge with a delay of its own."""
    reached: dict[str, float] = {}
    waiting = [(0.0, 0, root)]
    dependants = world.dependants
    while waiting and len(reached) < MAX_AFFECTED:
        after, hops, name = heapq.heappop(waiting)
        if name not in reached:
            reached[name] = after
            waiting += _onward(dependants[name], after, hops, random)
            heapq.heapify(waiting)
    return reached


def _onward(dependants: list[str], after: float, hops: int, random: Random) -> Iterator[tuple[float, int, str]]:
    for dependant in dependants:
        if random.random() < HOP_CHANCE * HOP_DECAY**hops:
            yield after + random.lognormvariate(3.0, 0.7), hops + 1, dependant
