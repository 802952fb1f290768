"""What an alert is about, by its labels alone: never by what was learnt before, so that a name stays what it is.

What can name it is tried in an order, from what says so outright to what only hints; the first that names a node of the
described topology counts, or else the first of all.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from bot.domain.event import bounded
from bot.domain.host import hosts_of, without_port
from bot.domain.naming.candidates import Candidate, Labels, candidates, read, scraped
from bot.domain.naming.catalogue import Catalogue, Scraper

_PARTS = ("service", "model", "dataset", "queue")
_PLACES = ("container", "instance", "host", "hostname", "node")
"""Labels that name a service only where the described topology knows it."""


class About(NamedTuple):
    """What an alert is about, and why.

    ``namespace`` is Kubernetes', where the labels place the service in one. ``hosts`` are the hosts that the labels
    name. ``workload`` is what runs on them, if the labels say what that is.
    """

    service: str
    namespace: str = ""
    hosts: tuple[str, ...] = ()
    workload: str = ""
    why: str = "no label names a service"


def about(
    labels: Mapping[str, str], service_labels: tuple[str, ...], catalogue: Catalogue, described: frozenset[str]
) -> About:
    """The service, its namespace and its hosts; several stages need them, so that what was found last is kept.

    Parameters
    ----------
    labels
        Of the alert.
    service_labels
        The labels that name a service outright, in order.
    catalogue
        What well-known senders mean by their labels.
    described
        The names in the topology that people described.
    """
    return _found(tuple(labels.items()), service_labels, catalogue, described)


@lru_cache(maxsize=4096)
def _found(
    labels: tuple[tuple[str, str], ...],
    service_labels: tuple[str, ...],
    catalogue: Catalogue,
    described: frozenset[str],
) -> About:
    seen = read(dict(labels), service_labels, catalogue)
    hosts = tuple(_hosts(seen))
    if catalogue.is_about_target(seen.alertname):
        chosen = next(scraped(seen), None)
        return _about(chosen, hosts, "it is about what is scraped") if chosen else About("", hosts=hosts)
    every = candidates(seen)
    first = next(every, None)
    if first is not None and first.runs and not described:  # nothing else can name it
        return _about(first, hosts, "", bounded(first.name))
    found = [first, *every] if first else []
    chosen = _described(seen, found, described) or first
    if chosen is None:
        return About("", hosts=hosts)
    workload = next((one.name for one in found if one.runs), "")
    if not workload and chosen.name in described and hosts[:1] != (chosen.name,):
        workload = chosen.name
    return _about(chosen, hosts, "", bounded(workload))


def _about(chosen: Candidate, hosts: tuple[str, ...], why: str, workload: str = "") -> About:
    said = f"{chosen.label}={chosen.value}"
    reason = f"{said}: {why or chosen.why}"
    return About(bounded(chosen.name), bounded(chosen.namespace), hosts, workload, reason)


def _described(seen: Labels, found: list[Candidate], described: frozenset[str]) -> Candidate | None:
    """The first that the described topology knows. A workload is not passed over for the host that it runs on."""
    settled = bool(found) and found[0].settled
    for one in found[:1] + [other for other in found[1:] if not (settled and other.label in _PLACES)]:
        for name in _spellings(one):
            if name in described:
                return one._replace(name=name, why=f"{one.why}; the topology knows it")
    for label in _PARTS if settled else (*_PARTS, *_PLACES):
        value = seen.labels.get(label)
        if value and not seen.is_scrapers(label):
            for name in names_in(value):
                if name in described:
                    return Candidate(name, label, value, "the topology knows it")
    return None


def _spellings(one: Candidate) -> Iterator[str]:
    """As it is known in the topology: with its namespace, which tells two of one name apart, or by itself."""
    if one.namespace:
        yield f"{one.namespace}/{one.name}"
    yield one.name
    yield from names_in(one.value)


def names_in(value: str) -> Iterator[str]:
    """The value, then without its port, then without what Kubernetes appends to a workload's name."""
    yield value
    name = value.partition(":")[0]
    if name != value:
        yield name
    for _ in range(2):
        name = name.rpartition("-")[0]
        yield name


def _hosts(seen: Labels) -> Iterator[str]:
    """The hosts that the labels name; not the address of what reports on something else."""
    hosts = hosts_of(seen.labels)
    if seen.kind is Scraper.NODE:
        machine = [without_port(seen.labels[label]) for label in seen.machine_labels()]
        return iter(dict.fromkeys(machine[:1]))
    if seen.kind is None or "instance" not in seen.labels:
        return iter(hosts)
    return iter(hosts_of({label: value for label, value in seen.labels.items() if label != "instance"}))
