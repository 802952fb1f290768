"""What may name an alert, the most trustworthy first."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from bot.domain.host import without_port
from bot.domain.naming.catalogue import Catalogue, Scraper
from bot.domain.naming.exported import exported, without_chart
from bot.domain.naming.forms import IN_FORM, Form, bare_host, host_of, is_ip, workload_of_pod

_EXPORTED = "exported_"
_OWN_LABELS = frozenset({"service", "job", "instance", "container", "app", "endpoint"})
"""Labels that Prometheus and its operator give to what is scraped."""
_MACHINE = ("node", "nodename", "kubernetes_node", "Hostname", "hostname", "host", "instance")
_OF_NODE = re.compile(r"(?:Kube|Kubernetes)?(?:Node(?!_?js)|Host(?!ed|name))", re.IGNORECASE)
_OF_POD = re.compile(r"(?:Kube|Kubernetes)?(?:Pod|Container)", re.IGNORECASE)
_BETWEEN = re.compile(r"[\W_]+")
_POD_MONITOR = re.compile(r"[a-z0-9.-]+/(?P<name>[a-z0-9.-]+)")


class Candidate(NamedTuple):
    """A name, and the label that says so.

    ``runs``: it is something that runs on hosts. ``settled``: there is nothing better, even where the topology knows
    the host.
    """

    name: str
    label: str
    value: str
    why: str
    namespace: str = ""
    runs: bool = False
    settled: bool = False


class Labels(NamedTuple):
    """Labels as they were read. ``kind`` is that of the scraper behind them; None: they speak for themselves."""

    labels: Mapping[str, str]
    service_labels: Sequence[str]
    catalogue: Catalogue
    kind: Scraper | None
    scraper: str

    @property
    def alertname(self) -> str:
        return self.labels.get("alertname", "")

    @property
    def namespace(self) -> str:
        return self.labels.get("namespace", "")

    def is_scrapers(self, label: str) -> bool:
        """Whether a label is about what reports, and not about what is reported."""
        if self.kind is None or label not in _OWN_LABELS:
            return False
        if label in ("instance", "job", "endpoint"):
            return True
        value = self.labels[label]
        bare = self.scraper.rpartition("/")[2]
        return value == "kubernetes" or bare in value or self.catalogue.scraper(value) is not None

    def present(self, known: Mapping[str, Form]) -> list[str]:
        """Those of the known labels that say something, in their order. An alert has few labels, and few are known."""
        found = [label for label, value in self.labels.items() if label in known and value]
        return sorted(found, key=list(known).index) if len(found) > 1 else found

    def machine_labels(self) -> Iterator[str]:
        """Those that name the machine, the best first."""
        return (label for label in _MACHINE if self.labels.get(label))


def read(labels: Mapping[str, str], service_labels: Sequence[str], catalogue: Catalogue) -> Labels:
    """The labels, of which ``exported_service`` and the like are what the reported thing says of itself."""
    said = {label[len(_EXPORTED) :]: value for label, value in labels.items() if label.startswith(_EXPORTED) and value}
    for label in ("job", "service", "container", "app"):
        if (value := labels.get(label)) and (kind := catalogue.scraper(value)):
            told = {own: value for own, value in said.items() if own != "job" or "pushgateway" in value}
            return Labels({**labels, **told}, service_labels, catalogue, kind, value)
    return Labels({**labels, **said} if said else labels, service_labels, catalogue, None, "")


def scraped(seen: Labels) -> Iterator[Candidate]:
    """What is scraped itself."""
    for label in ("service", "job", "app", "pod"):
        if value := seen.labels.get(label):
            name = workload_of_pod(value) if label == "pod" else without_chart(_without_monitor(value))
            yield Candidate(name, label, value, "", seen.namespace if seen.kind is None else "")


def candidates(seen: Labels) -> Iterator[Candidate]:
    """Everything that may name the alert, in order."""
    yield from _services(seen)
    if seen.kind is Scraper.NODE:
        yield from _machine(seen)
    if seen.kind is not Scraper.NODE and _OF_NODE.match(seen.alertname) and seen.labels.get("node"):
        yield _node(seen)
    yield from _labelled(seen)
    yield from _workloads(seen)
    yield from _BY_KIND.get(seen.kind, _itself)(seen)


def _services(seen: Labels) -> Iterator[Candidate]:
    """Labels that name a service outright. A job may also be what scrapes, so that a workload's label comes first."""
    for label in seen.service_labels:
        value = seen.labels.get(label)
        if value and label != "job" and value not in seen.catalogue.unspecific and not seen.is_scrapers(label):
            yield Candidate(without_chart(value), label, value, "it names the service", _namespace_of(seen), True, True)


def _workloads(seen: Labels) -> Iterator[Candidate]:
    for label in seen.present(seen.catalogue.workloads):
        yield _in_form(seen, label, seen.labels[label], seen.catalogue.workloads[label])
    pod = seen.labels.get("pod")
    if pod and not _is_scrapers_pod(seen, pod):
        yield Candidate(_workload(seen, pod), "pod", pod, "its workload", seen.namespace, runs=True, settled=True)


def _in_form(seen: Labels, label: str, value: str, form: Form) -> Candidate:
    if form is Form.NAMESPACE:
        return Candidate(seen.namespace or value, label, value, "it is about its namespace", settled=True)
    if form is Form.ADDRESS:
        host = host_of(value)
        return Candidate(host.name, label, value, "its host", host.namespace, runs=False, settled=bool(host.name))
    why = "it names the workload" if form is Form.NAME else "it names the workload's part"
    return Candidate(IN_FORM[form](value), label, value, why, seen.namespace, runs=True, settled=True)


def _workload(seen: Labels, pod: str) -> str:
    """The pod's workload. A pod of the control plane is named after its component and its node."""
    component = next((one for one in seen.catalogue.control_plane if pod.startswith(f"{one}-")), "")
    of_system = seen.namespace in ("", "kube-system") or seen.labels.get("container") == component
    return component if component and of_system else workload_of_pod(pod)


def _is_scrapers_pod(seen: Labels, pod: str) -> bool:
    """Whether it is the pod of what reports. Of pods of exporters, only their own exporter's alerts do not count."""
    if seen.kind in (None, Scraper.EXPORTER):
        return seen.kind is Scraper.EXPORTER
    own = seen.catalogue.scraper(workload_of_pod(pod)) is seen.kind
    return own and not (seen.kind is Scraper.OBJECTS and _OF_POD.match(seen.alertname))


def _machine(seen: Labels) -> Iterator[Candidate]:
    for label in seen.machine_labels():
        value = seen.labels[label]
        yield Candidate(without_port(value), label, value, "the machine that it reports on", settled=True)


def _node(seen: Labels) -> Candidate:
    return Candidate(seen.labels["node"], "node", seen.labels["node"], "the node that it is about", settled=True)


def _labelled(seen: Labels) -> Iterator[Candidate]:
    """Labels in which this scraper names what it reports on."""
    for label in seen.catalogue.named_by(seen.scraper) if seen.scraper else ():
        if value := seen.labels.get(label):
            yield Candidate(value, label, value, f"what {seen.scraper} reports on", seen.namespace, settled=True)


def _resources(seen: Labels) -> Iterator[Candidate]:
    for label in seen.present(seen.catalogue.resources):
        form = seen.catalogue.resources[label]
        if (found := _in_form(seen, label, seen.labels[label], form)).name:
            yield found._replace(why="its host" if form is Form.ADDRESS else "it names what is affected", runs=False)


def _itself(seen: Labels) -> Iterator[Candidate]:
    """No scraper: the job names what it says of itself, or a node what happens there."""
    job = seen.labels.get("job")
    if job and "job" in seen.service_labels:
        yield Candidate(_without_monitor(job), "job", job, "its job", _namespace_of(seen))
    yield from _resources(seen)
    if seen.labels.get("node"):
        yield _node(seen)


def _objects(seen: Labels) -> Iterator[Candidate]:
    container = seen.labels.get("container")
    if container and not seen.is_scrapers("container"):
        yield Candidate(container, "container", container, "its container", seen.namespace, settled=True)
    yield from _resources(seen)
    if seen.labels.get("node"):
        yield _node(seen)
    component = _BETWEEN.sub("", seen.scraper.rpartition("/")[2]).lower()
    if _BETWEEN.sub("", seen.alertname).lower().startswith(component):
        yield from scraped(seen)


def _controller(seen: Labels) -> Iterator[Candidate]:
    yield from _resources(seen)
    yield from (one._replace(why="nothing else is named") for one in scraped(seen))


def _probe(seen: Labels) -> Iterator[Candidate]:
    for label in ("instance", "target", "url"):
        host = host_of(seen.labels.get(label, ""))
        if host.name and seen.catalogue.scraper(host.name) is None:
            value = seen.labels[label]
            yield Candidate(host.name, label, value, "the host that is probed", host.namespace, settled=True)
    yield from (one for one in _machine(seen) if one.label == "instance" and is_ip(bare_host(one.value)))


def _exporter(seen: Labels) -> Iterator[Candidate]:
    """What it exports: what the labels name of it, its address, or what the exporter's own name goes on with."""
    yield from _resources(seen)
    values = ((label, seen.labels.get(label, "")) for label in ("service", "job", "pod", "app"))
    named = [
        Candidate(exported(workload_of_pod(v) if label == "pod" else _without_monitor(v), seen.catalogue), label, v, "")
        for label, v in values
        if v
    ]
    instance = seen.labels.get("instance", "")
    host = host_of(instance)
    own = seen.catalogue.scraper(host.name) is not None
    if host.name and not own:
        yield Candidate(host.name, "instance", instance, "the host that is exported", host.namespace, settled=True)
    telling = [one for one in named if one.name and one.name not in seen.catalogue.programs]
    for one in chain(telling, (one for one in named if one.name)):
        yield one._replace(why="what is exported", settled=True)


def _namespace_of(seen: Labels) -> str:
    return seen.namespace if seen.kind is None else ""


def _without_monitor(job: str) -> str:
    """The job of a PodMonitor is its namespace and its name.

    >>> _without_monitor("shop/cart"), _without_monitor("cart")
    ('cart', 'cart')
    """
    found = _POD_MONITOR.fullmatch(job)
    return found["name"] if found else job


_BY_KIND: dict[Scraper | None, Callable[[Labels], Iterator[Candidate]]] = {
    None: _itself,
    Scraper.NODE: lambda _: iter(()),
    Scraper.OBJECTS: _objects,
    Scraper.CONTROLLER: _controller,
    Scraper.PROBE: _probe,
    Scraper.EXPORTER: _exporter,
}
