"""The topology: which service depends on which, and what lies near each one."""

from collections.abc import Mapping, Sequence

HOPS = 3
MOST = 500


class Topology:
    """Services and what they depend on. Cycles are allowed; a service that is only depended on is one too.

    What lies near a service is found when it is first asked for, and kept. ``described`` are the names that it had
    before anything learnt was joined to it.

    Parameters
    ----------
    depends_on
        Service to the services it calls or runs on.

    Examples
    --------
    >>> shop = Topology({"web": ["api"], "api": ["db"]})
    >>> shop.below("web"), shop.above("db")
    ({'api': 1, 'db': 2}, {'api': 1, 'web': 2})
    """

    def __init__(self, depends_on: Mapping[str, Sequence[str]]) -> None:
        self._below: dict[str, list[str]] = {}
        self._above: dict[str, list[str]] = {}
        for service, others in depends_on.items():
            for name in (service, *others):
                self._below.setdefault(name, [])
                self._above.setdefault(name, [])
            for other in dict.fromkeys(others):
                self._below[service].append(other)
                self._above[other].append(service)
        self._joined: tuple[object, Topology] | None = None
        self.described = frozenset(self._below)
        self._far_below: dict[str, dict[str, int]] = {}
        self._far_above: dict[str, dict[str, int]] = {}

    def joined(self, learnt: Mapping[str, Sequence[str]]) -> "Topology":
        """This topology with more edges; the last one is kept, as what was learnt seldom changes."""
        if not learnt:
            return self
        key = tuple((service, tuple(others)) for service, others in sorted(learnt.items()))
        if self._joined is None or self._joined[0] != key:
            edges = {service: [*others, *learnt.get(service, ())] for service, others in self._below.items()}
            joined = Topology({**learnt, **edges})
            joined.described = self.described
            self._joined = key, joined
        return self._joined[1]

    def __contains__(self, service: object) -> bool:
        return service in self._below

    def below(self, service: str) -> dict[str, int]:
        """What the service depends on, with the number of hops: at most ``HOPS``, and the nearest ``MOST`` of them."""
        return _within(service, self._below, self._far_below)

    def above(self, service: str) -> dict[str, int]:
        """What depends on the service, likewise."""
        return _within(service, self._above, self._far_above)

    def dependencies(self, service: str) -> Sequence[str]:
        """What the service depends on without anything between."""
        return self._below.get(service, ())

    def dependants(self, service: str) -> Sequence[str]:
        """What depends on the service without anything between."""
        return self._above.get(service, ())


def _within(service: str, edges: Mapping[str, Sequence[str]], known: dict[str, dict[str, int]]) -> dict[str, int]:
    found = known.get(service)
    if found is None:
        found = known[service] = _search(service, edges)
    return found


def _search(service: str, edges: Mapping[str, Sequence[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    edge = [service]
    for hops in range(1, HOPS + 1):
        edge = list(dict.fromkeys(next_ for name in edge for next_ in edges.get(name, ()) if next_ not in found))
        found |= {name: hops for name in edge if name != service}
    return dict(list(found.items())[:MOST])
