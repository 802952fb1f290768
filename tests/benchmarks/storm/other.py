"""A second generator, of another style: it is only scored, and nothing is chosen by what it shows.

Here a fault does not jump from node to node by chance. Errors have a size: a service's is what it takes over from each
thing that it depends on, by how much it needs that; it grows with each scrape, and an alert fires when a rule's
threshold was passed for as long as the rule's ``for`` asks. So what is far away, or needs the broken thing little,
keeps quiet, and what fires late fires because its rule is slow. Teams own namespaces and services; few services make
most of the noise; one Alertmanager sends all there is but what a second tool, whose clock is off, adds.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import NamedTuple

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, ChangeEvent, ChangeKind, fingerprint_of
from tests.benchmarks.storm.alerts import BEGIN, Catalogue, Sent, SentChange, Storm
from tests.benchmarks.storm.estate import later
from tests.benchmarks.storm.world import Fault, Node, World

SCRAPE = 15.0
STEPS = 80
HOUR = 3600.0
_TEAMS = ("payments", "logistics", "identity", "discovery", "content", "insight", "platform", "growth", "trust", "edge")
_WORDS = ("ledger", "router", "planner", "tokens", "ranker", "assets", "reports", "quota", "rewards", "shield", "mesh")
_STORES = ("postgresql", "redis", "kafka", "rabbitmq")
_RULES = (
    ("ServiceErrorRateHigh", 0.05, 60.0),
    ("ServiceLatencyP99High", 0.1, 120.0),
    ("ServiceSloFastBurn", 0.2, 0.0),
    ("ServiceAvailabilityLow", 0.4, 60.0),
    ("ServiceThreadPoolSaturated", 0.3, 180.0),
)
"""Name, how large the error must be, and for how many seconds."""
_OF_ROOT = {
    "resource": ("ContainerMemoryNearLimit", "CPUThrottlingHigh", "DiskAlmostFull"),
    "unknown": ("TargetDown", "KubePodCrashLooping", "ProbeFailed"),
    "change": ("KubeDeploymentRolloutStuck", "KubePodCrashLooping", "TargetDown"),
}


class _Estate(NamedTuple):
    world: World
    team: Mapping[str, str]
    needs: Mapping[tuple[str, str], float]
    rules: Mapping[str, Sequence[tuple[str, float, float]]]


def make_other_storm(catalogue: Catalogue, services: int, seed: int, apart: bool) -> Storm:
    random = Random(f"other/{seed}/{services}")
    return _storm(_make_estate(services, random), catalogue, random, apart)


def other_storms_of_estate(catalogue: Catalogue, services: int, seed: int, count: int) -> list[Storm]:
    estate = _make_estate(services, Random(f"other estate/{seed}/{services}"))
    every = (Random(f"other estate/{seed}/{services}/{n}") for n in range(count))
    return [later(_storm(estate, catalogue, random, n % 2 == 0), n) for n, random in enumerate(every)]


def _make_estate(services: int, random: Random) -> _Estate:
    """New services call old ones, and the more are called already the likelier."""
    names: list[str] = []
    team: dict[str, str] = {}
    depends_on: dict[str, list[str]] = {}
    called: list[str] = []
    nodes: dict[str, Node] = {}
    teams = _TEAMS[: max(2, min(len(_TEAMS), services // 5))]
    for n in range(services):
        owner = random.choice(teams)
        is_store = random.random() < 0.18
        component = random.choice(_STORES) if is_store else "service"
        name = f"{random.choice(_WORDS)}-{component if is_store else 'svc'}-{n}"
        pods = tuple(f"{name}-{random.getrandbits(36):09x}-{random.getrandbits(20):05x}" for _ in range(2))
        nodes[name] = Node(name, component, tuple(f"{name}-{i}" for i in range(2)) if is_store else pods)
        team[name] = owner
        near = [one for one in called if team[one] == owner] or called
        calls = range(0 if is_store or not called else random.choice((1, 1, 2, 3)))
        depends_on[name] = sorted({random.choice(near if random.random() < 0.6 else called) for _ in calls})
        called += [name, *depends_on[name], *([name] * 2 if is_store else [])]
        names.append(name)
    needs = {(name, other): random.betavariate(2, 1) for name in names for other in depends_on[name]}
    rules = {name: random.sample(_RULES, random.choice((1, 2, 2, 3))) for name in names}
    known = {name: [other for other in depends_on[name] if random.random() > 0.05] for name in names}
    return _Estate(World(nodes, depends_on, known), team, needs, rules)


def _storm(estate: _Estate, catalogue: Catalogue, random: Random, apart: bool) -> Storm:
    first = random.uniform(600, 1800)
    faults = _faults(estate, [first, first + random.uniform(0, 240)], apart, random)
    lives = [life for fault in faults for life in _fires(estate, fault, faults, random)]
    lives += _noise(estate, catalogue, round(len(lives) * 0.25), random)
    off = random.uniform(-60, 60)
    unlike = {fingerprint_of(life.labels): life for life in reversed(lives)}
    sent = [one for n, life in enumerate(unlike.values()) for one in _sent(f"a{n}", life, off, random)]
    return Storm(
        estate.world,
        faults,
        sorted(sent, key=lambda one: (one.arrives, one.alert)),
        _changes(estate, faults, random),
    )


def _faults(estate: _Estate, begins: Sequence[float], apart: bool, random: Random) -> list[Fault]:
    found: list[Fault] = []
    names = sorted(estate.world.nodes)
    for number, at in enumerate(begins):
        for root in random.sample(names, len(names)):
            reached = {name: after for name, (after, _) in _errors(estate, root).items()}
            shared = any(reached.keys() & other.reached.keys() for other in found)
            if len(reached) >= 3 and not any(root in other.reached for other in found) and not (apart and shared):
                break
        kind = random.choice(("resource", "unknown", "change"))
        found.append(Fault(f"f{number}", root, kind, at, random.uniform(500, 1300), reached))
    return found


def _errors(estate: _Estate, root: str) -> dict[str, tuple[float, float]]:
    """For each service that suffers when it first shows and how much, scrape by scrape."""
    errors = {root: Random(root).uniform(0.5, 1.0)}
    found = {root: (0.0, errors[root])}
    for step in range(1, STEPS):
        now = dict(errors)
        for name, others in estate.world.depends_on.items():
            if name != root and any(other in errors for other in others):
                well = 1.0
                for other in others:
                    well *= 1 - estate.needs[name, other] * errors.get(other, 0.0)
                now[name] = errors.get(name, 0.0) + 0.5 * (1 - well - errors.get(name, 0.0))
                if now[name] > 0.05:
                    found[name] = (found[name][0] if name in found else step * SCRAPE, now[name])
        errors = now
    return found


class _Life(NamedTuple):
    truth: str
    node: Node
    labels: dict[str, str]
    begins: float
    ends: float


def _fires(estate: _Estate, fault: Fault, faults: Sequence[Fault], random: Random) -> Iterator[_Life]:
    sizes = _errors(estate, fault.root)
    for name, after in fault.reached.items():
        if any(o is not fault and o.at + o.reached.get(name, 1e9) < fault.at + after for o in faults):
            continue
        size = sizes.get(name, (0.0, 0.0))[1]
        node = estate.world.nodes[name]
        fired = [(rule, wait) for rule, least, wait in estate.rules[name] if size > least]
        if name == fault.root:
            chosen = random.sample(_OF_ROOT[fault.kind], random.choice((1, 2)))
            fired = [(rule, random.choice((0.0, 60.0))) for rule in chosen] + fired
        for rule, wait in fired:
            begins = fault.at + after + wait + random.uniform(0, SCRAPE)
            ends = max(fault.at + fault.lasts + random.uniform(0, 120), begins + 45)
            for pod in node.pods if rule.startswith(("Kube", "Container", "CPU")) else ("",):
                yield _Life(fault.id, node, _labels(estate, node, rule, pod), begins, ends)


def _labels(estate: _Estate, node: Node, rule: str, pod: str) -> dict[str, str]:
    team = estate.team[node.name]
    labels = {"alertname": rule, "service": node.name, "namespace": team, "team": team, "severity": "warning"}
    return labels | ({"pod": pod} if pod else {})


def _noise(estate: _Estate, catalogue: Catalogue, count: int, random: Random) -> Iterator[_Life]:
    """Most of it is of a few services that always complain."""
    names = sorted(estate.world.nodes)
    loud = random.sample(names, max(1, len(names) // 10))
    for n in range(count):
        node = estate.world.nodes[random.choice(loud if random.random() < 0.6 else names)]
        rule = random.choice(catalogue[node.component])["alert"]
        begins = random.uniform(0, HOUR)
        labels = _labels(estate, node, rule, random.choice(("", *node.pods)))
        yield _Life(f"n{n}", node, labels, begins, begins + random.uniform(60, 900))


def _sent(alert: str, life: _Life, off: float, random: Random) -> Iterator[Sent]:
    second = life.labels["alertname"].startswith("ServiceSlo")
    skew = timedelta(seconds=off if second else 0.0)
    firing = AlertEvent(
        source="datadog" if second else "alertmanager",
        fingerprint=fingerprint_of(life.labels),
        status=AlertStatus.FIRING,
        labels=life.labels,
        starts_at=BEGIN + timedelta(seconds=life.begins) + skew,
        annotations={"summary": f"{life.labels['alertname']} on {life.node.name}"},
        group=f'{{}}:{{alertname="{life.labels["alertname"]}", namespace="{life.labels["namespace"]}"}}',
    )
    arrives = life.begins + random.uniform(1, 30)
    yield Sent(alert, life.truth, arrives, firing)
    if random.random() < 0.3:
        yield Sent(alert, life.truth, arrives + random.uniform(60, 300), firing)
    ends = BEGIN + timedelta(seconds=life.ends) + skew
    resolved = msgspec.structs.replace(firing, status=AlertStatus.RESOLVED, ends_at=ends)
    yield Sent(alert, life.truth, max(life.ends, arrives) + random.uniform(1, 30), resolved)


def _changes(estate: _Estate, faults: Sequence[Fault], random: Random) -> list[SentChange]:
    broke = [(fault.root, fault.at - random.uniform(20, 600)) for fault in faults if fault.kind == "change"]
    usual = [(name, random.uniform(0, HOUR)) for name in sorted(estate.world.nodes) if random.random() < 0.1]
    return [
        SentChange(
            at + 2, ChangeEvent("ci", f"{name}/{at:.2f}", name, ChangeKind.DEPLOY, "", BEGIN + timedelta(seconds=at))
        )
        for name, at in sorted((*broke, *usual), key=lambda one: one[1])
    ]
