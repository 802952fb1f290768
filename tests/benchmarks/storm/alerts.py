"""The alerts of the storm benchmark: what monitoring says of the world's faults, and how that reaches us."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec
import yaml

from bot.domain.event import AlertEvent, AlertStatus, ChangeEvent, ChangeKind, fingerprint_of
from tests.benchmarks.storm.world import Fault, Node, World, make_faults, make_world

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAN = 3600.0
NOISE = 0.2
SKEW = 120.0
CHANGES = 0.25
"""How many services are changed within the hour for no reason that has to do with a fault."""
_FILES = {
    "host": ("host-and-hardware",),
    "service": ("kubernetes", "docker-containers"),
    "nginx": ("nginx",),
    "haproxy": ("haproxy-embedded",),
    "postgresql": ("postgresql",),
    "redis": ("redis",),
    "kafka": ("kafka",),
    "rabbitmq": ("rabbitmq",),
}
_SYMPTOMS = [
    "HighRequestLatency",
    "HighErrorRate",
    "ErrorBudgetBurn",
    "SlowResponses",
    "RequestQueueGrowing",
    "ApdexLow",
    "KubernetesPodNotHealthy",
    "KubernetesDeploymentReplicasMismatch",
    "KubernetesPodCrashLooping",
    "KubernetesHpaScaleMaximum",
    "ContainerHighThrottleRate",
    "ContainerHighMemoryUsage",
]
_OWN_RULES = _SYMPTOMS[:6]
_STARVED = [
    "HostHighCpuLoad",
    "HostOutOfMemory",
    "HostOutOfDiskSpace",
    "HostUnusualDiskIo",
    "HostCpuStealNoisyNeighbor",
    "HostOomKillDetected",
    "HostSwapIsFillingUp",
    "HostCpuHighIowait",
    "HostDiskIoUtilizationHigh",
    "KubernetesContainerOomKiller",
    "ContainerHighCpuUtilization",
    "ContainerHighMemoryUsage",
    "ContainerHighThrottleRate",
    "KubernetesVolumeOutOfDiskSpace",
    "PostgresqlTooManyConnections",
    "RedisOutOfConfiguredMaxmemory",
    "RedisOutOfSystemMemory",
    "RabbitmqOutOfMemory",
    "RabbitmqFileDescriptorsUsage",
]


class Sent(NamedTuple):
    """An alert as it is delivered: which one, whose, when, and in what company."""

    alert: str
    truth: str
    arrives: float
    event: AlertEvent


class SentChange(NamedTuple):
    """A change as it is delivered."""

    arrives: float
    event: ChangeEvent


class Storm(NamedTuple):
    world: World
    faults: Sequence[Fault]
    sent: Sequence[Sent]
    changes: Sequence[SentChange] = ()


class _Sender(NamedTuple):
    source: str
    group_by: str
    wait: float
    skew: float


class _Life(NamedTuple):
    """An alert from its beginning to its end, as it truly was."""

    truth: str
    node: Node
    name: str
    labels: Mapping[str, str]
    begins: float
    ends: float


Catalogue = Mapping[str, Sequence[Mapping[str, Any]]]


def read_catalogue(folder: Path) -> Catalogue:
    """For each component the alerting rules that watch it."""
    rules: dict[str, list[Mapping[str, Any]]] = {}
    for component, files in _FILES.items():
        for file in sorted(folder.glob("*.yml")):
            if file.name.startswith(files):
                groups = yaml.safe_load(file.read_text())["groups"]
                rules.setdefault(component, []).extend(rule for group in groups for rule in group["rules"])
    return rules


def make_storm(
    catalogue: Catalogue, services: int, seed: int, apart: bool, faults: int = 2, noise: float = NOISE
) -> Storm:
    """Everything that one simulated hour sends, in the order of its arrival, from an estate of its own."""
    random = Random(f"{seed}/{services}")
    return storm_in(make_world(services, random), catalogue, random, apart, faults, noise)


def storm_in(
    world: World, catalogue: Catalogue, random: Random, apart: bool, faults: int = 2, noise: float = NOISE
) -> Storm:
    """An hour of a given estate."""
    first = random.uniform(900, 1500)
    overlapping = make_faults(world, [first + random.uniform(0, 240) * (n > 0) for n in range(faults)], apart, random)
    lives = [life for fault in overlapping for life in _lives_of(world, catalogue, fault, overlapping, random)]
    lives += _noise(world, catalogue, round(len(lives) * noise / (1 - noise)), random)
    senders = {
        "infrastructure": _Sender("alertmanager", "alertname", 20, random.uniform(-SKEW, SKEW)),
        "kubernetes": _Sender("cloudevents", "namespace", 5, random.uniform(-SKEW, SKEW)),
        "own": _Sender("grafana", "alertname", 10, random.uniform(-SKEW, SKEW)),
    }
    unlike = {fingerprint_of(life.labels): life for life in reversed(lives)}
    sent = [one for n, life in enumerate(unlike.values()) for one in _deliveries(f"a{n}", life, senders, random)]
    in_order = sorted(sent, key=lambda one: (one.arrives, one.alert))
    return Storm(world, overlapping, in_order, _changes(world, overlapping, random))


def _changes(world: World, faults: Sequence[Fault], random: Random) -> list[SentChange]:
    """Deploys: the ones that broke something, and the usual ones of a working hour, one in four services' each."""
    broke = [(fault.root, fault.at - random.uniform(10, 300)) for fault in faults if fault.kind == "change"]
    services = sorted(name for name, node in world.nodes.items() if node.component != "host")
    usual = [(name, random.uniform(0, SPAN)) for name in services if random.random() < CHANGES]
    made = [
        SentChange(
            at + random.uniform(1, 10),
            ChangeEvent("cd", f"{name}/{at:.2f}", name, ChangeKind.DEPLOY, "", BEGIN + timedelta(seconds=at)),
        )
        for name, at in (*broke, *usual)
    ]
    return sorted(made, key=lambda one: one.arrives)


def _lives_of(
    world: World, catalogue: Catalogue, fault: Fault, every: Sequence[Fault], random: Random
) -> Iterator[_Life]:
    """What fires because of a fault. A node that two faults reach says what the first one makes of it."""
    for name, after in fault.reached.items():
        at = fault.at + after
        if any(other.at + other.reached.get(name, 1e9) < at for other in every if other is not fault):
            continue
        if random.random() < (0.95 if name == fault.root else 0.85):
            node = world.nodes[name]
            for rule in _rules_that_fire(node, catalogue, fault if name == fault.root else None, random):
                yield from _instances(fault, node, rule, at, random)


def _rules_that_fire(node: Node, catalogue: Catalogue, fault: Fault | None, random: Random) -> list[Mapping[str, Any]]:
    """One to three. Mostly what fits, sometimes just anything that watches the node."""
    own = [{"alert": name, "labels": {"severity": random.choice(("warning", "critical"))}} for name in _OWN_RULES]
    watching = [rule for rule in catalogue[node.component] if rule["labels"]["severity"] != "info"]
    if node.component == "host":
        own = []
    if node.component not in ("host", "service"):
        watching = [*watching, *random.sample(own, 2)]
    starved = [rule for rule in watching if rule["alert"] in _STARVED]
    symptoms = [rule for rule in [*own, *watching] if rule["alert"] in _SYMPTOMS]
    fitting = (starved if fault.kind == "resource" else watching) if fault else symptoms
    chosen = [random.choice(fitting or watching) if random.random() < 0.7 else random.choice([*own, *watching])]
    for _ in range(random.choice((0, 1, 1, 2, 2))):
        chosen.append(random.choice([*symptoms, *watching]) if random.random() < 0.7 else random.choice(watching))
    return list({rule["alert"]: rule for rule in chosen}.values())


def _instances(fault: Fault, node: Node, rule: Mapping[str, Any], at: float, random: Random) -> Iterator[_Life]:
    noticed = at + random.choice((0, 15, 30, 60)) + random.uniform(0, 15)
    affected = random.sample(node.pods, random.randint(1, len(node.pods))) if node.pods else ("",)
    for pod in affected:
        begins = noticed + random.expovariate(1 / 15)
        ends = max(fault.at + fault.lasts + random.uniform(0, 240), begins + 60)
        yield _Life(fault.id, node, rule["alert"], _labels(node, pod, rule, random), begins, ends)


def _noise(world: World, catalogue: Catalogue, count: int, random: Random) -> Iterator[_Life]:
    """What fires for reasons of its own, all over the hour and the topology."""
    nodes = list(world.nodes.values())
    for n in range(count):
        node = random.choice(nodes)
        rule = random.choice(catalogue[node.component])
        begins = random.uniform(0, SPAN)
        pod = random.choice(node.pods) if node.pods else ""
        ends = begins + random.expovariate(1 / 600) + 30
        yield _Life(f"n{n}", node, rule["alert"], _labels(node, pod, rule, random), begins, ends)


def _labels(node: Node, pod: str, rule: Mapping[str, Any], random: Random) -> dict[str, str]:
    """As the exporters set them: hosts have no service, kube-state-metrics none but the pod; some lose even that."""
    labels = {"alertname": rule["alert"], "severity": rule["labels"]["severity"]}
    if random.random() < 0.02:
        return labels | {"job": "blackbox"}
    if node.component == "host":
        return labels | {"job": "node", "instance": f"{node.name}:9100"}
    if rule["alert"] in _OWN_RULES:
        where = {"service": node.name, "namespace": node.name.partition("-")[0]}
    elif node.component in ("service", "nginx", "haproxy"):
        where = {"job": "kube-state-metrics", "namespace": node.name.partition("-")[0], "pod": pod}
        where |= {"service": node.name} if random.random() < 0.6 else {}
    else:
        where = {"job": f"{node.component}-exporter", "instance": f"{pod}:9187"}
        where |= {"service": node.name} if random.random() < 0.6 else {}
    return labels | where | ({"pod": pod} if random.random() < 0.5 else {})


def _sender_of(life: _Life, senders: Mapping[str, _Sender]) -> _Sender:
    if life.name in _OWN_RULES:
        return senders["own"]
    return senders["kubernetes" if life.node.component == "service" else "infrastructure"]


def _deliveries(alert: str, life: _Life, senders: Mapping[str, _Sender], random: Random) -> Iterator[Sent]:
    """Firing and resolved, some repeated, some late, some flapping; in groups as the sender makes them."""
    sender = _sender_of(life, senders)
    labels = dict(life.labels)
    group = f"{sender.source}:{sender.group_by}={labels.get(sender.group_by, '')}"
    spans = [(life.begins, life.ends)]
    if random.random() < 0.05:
        spans = [(life.begins + 120 * n, life.begins + 120 * n + 50) for n in range(5)] + [
            (life.begins + 600, max(life.ends, life.begins + 700))
        ]
    for begins, ends in spans:
        firing = AlertEvent(
            source=sender.source,
            fingerprint=fingerprint_of(labels),
            status=AlertStatus.FIRING,
            labels=labels,
            starts_at=BEGIN + timedelta(seconds=begins + sender.skew),
            annotations={"summary": f"{life.name} ({labels.get('instance', life.node.name)})"},
            group=group,
        )
        arrives = begins + _transport(sender, random)
        yield Sent(alert, life.truth, arrives, firing)
        for _ in range(random.choice((0, 0, 0, 1, 2))):
            yield Sent(alert, life.truth, arrives + random.uniform(1, 300), firing)
        ended = BEGIN + timedelta(seconds=ends + sender.skew)
        resolved = msgspec.structs.replace(firing, status=AlertStatus.RESOLVED, ends_at=ended)
        yield Sent(alert, life.truth, max(ends, arrives) + _transport(sender, random), resolved)


def _transport(sender: _Sender, random: Random) -> float:
    """A sender waits for the rest of a group before it sends; one delivery in thirty is held up for minutes."""
    late = random.uniform(60, 300) if random.random() < 1 / 30 else 0.0
    return random.uniform(0.2, 1.0) * sender.wait + random.uniform(0.1, 2) + late
