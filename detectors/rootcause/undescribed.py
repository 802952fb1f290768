"""What speaks for a cause where nobody knows what depends on what: when its alerts began, and what they are of.

Each service may be there what all others depend on. These tell one from another: what broke began early; databases and
queues are what others stand on; a service that only shows latency, errors and the like suffers; what broke has alerts
of more kinds, and such as nobody else has. The weights lie between those that fit two generators of the benchmark
``storm`` (without a topology, seeds 8001 to 8020), nearer to the smaller ones; what only one of the two speaks for was
left out. That hosts are below all others is no sign: what fires there fires for many reasons.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from math import log
from typing import NamedTuple

from detectors.rootcause.seen import Symptom
from detectors.topology import Topology

_ANY = -7.0  # for any of them, as each may be what the others depend on
_MANY = 0.8  # for the logarithm of how many are affected: what broke is often elsewhere where these are few
_LATE = -0.4  # for the logarithm of one and the square of the minutes since the first alert
_FOUNDATION = 1.7  # it is a database or a queue
_SUFFERS = -1.2  # its alerts speak of what users of a service notice, or of what follows from that
_KINDS = 1.0  # for the logarithm of the kinds of its alerts
_CHANGED = 0.3  # it was changed shortly before, beside what that weighs anywhere; then no suffering speaks against it
_RARE = 1.1  # for how few of the affected services have an alert that it has: 0 where all do, 1 where no other does
FEWEST = 4
"""Where fewer services are affected, a change or a resource that runs short is named as if they had nothing to do with
each other: in storms of the benchmark that is right in little more than one case of three, as what broke is often
elsewhere, but whoever is called for two services wants to know that one of them was deployed two minutes before."""
NOT_DESCRIBED = "what depends on what here is not described"
_MOST_KINDS = 4
_MINUTE = 60.0
_MOST_OF_THEM = 0.5
"""Where less of the others is unknown, what was learnt of what depends on what decides."""

_FOUNDATIONS = re.compile(
    r"postgres|pgbouncer|patroni|mysql|mariadb|mssql|sqlserver|oracle|redis(?!tri)|valkey|memcached|mongo|elasticsearch"
    r"|opensearch|solr|cassandra|scylla|clickhouse|influx|couch|cockroach|etcd|consul(?![a-z])|zookeeper|kafka|rabbitmq|activemq"
    r"|(?<![a-z])nats(?![a-z])|pulsar|minio(?!n)|ceph|hdfs|coredns|database|(?:^|[-_.])(?:db|mq|dns|broker)(?:$|[-_.\d])",
    re.IGNORECASE,
)
_SUFFERING = re.compile(
    r"latenc|slow|error|5xx|4xx|availab|apdex|slo(?![a-z])|burn|response|timeout|duration|success|queue|backlog"
    r"|lag(?![a-z])|thread ?pool|mismatch|not ?(?:ready|healthy)|crash|restart|hpa|autoscal",
    re.IGNORECASE,
)


class Signs(NamedTuple):
    """What tells one affected service from the others.

    Parameters
    ----------
    unknown
        Of which share of the others nobody knows whether they depend on it.
    others
        How many these are.
    late
        Minutes after the first alert of all.
    foundation
        It is a database or a queue, by its name or those of its alerts.
    suffers
        Its alerts speak of nothing but what users of a service notice.
    names
        Of its alerts, each once.
    having
        How many of the affected services have alerts of each name.

    Examples
    --------
    >>> Signs(1.0, 2, 0.0, True, False, ["DiskFull", "Slow"], {"DiskFull": 1, "Slow": 3}).apart
    ['of 3 services it alone has DiskFull', 'databases and queues are what others depend on']
    """

    unknown: float
    others: int
    late: float
    foundation: bool
    suffers: bool
    names: Sequence[str]
    having: Mapping[str, int]

    def utility(self, changed: bool) -> float:
        """What is seen, as it weighs; ``changed``: it was changed shortly before."""
        seen = _LATE * log(1 + self.late**2) + _FOUNDATION * self.foundation + _RARE * self._rare()
        own = _CHANGED if changed else _SUFFERS * self.suffers
        every = _ANY + _MANY * log(self.others + 1)
        return self.unknown * (every + seen + own + _KINDS * log(min(len(self.names), _MOST_KINDS)))

    @property
    def apart(self) -> list[str]:
        """For people, what sets it apart from the others; empty where nothing does but its time."""
        found = []
        alone = [name for name in self.names if self.having[name] == 1]
        if alone and self.others > 1:
            found.append(f"of {self.others + 1} services it alone has {', '.join(alone[:3])}")
        elif len(self.names) > 1:
            found.append(f"{len(self.names)} kinds of alerts")
        if self.foundation:
            found.append("databases and queues are what others depend on")
        return found

    @property
    def evidence(self) -> list[str]:
        """With what there is to know about the rest."""
        return [*self.apart, NOT_DESCRIBED]

    def _rare(self) -> float:
        """0 where the others have all of its alerts, 1 where none has one of them."""
        every = self.others + 1
        return log(every / min(self.having[name] for name in self.names)) / log(every)


def signs(own: Mapping[str, Sequence[Symptom]], topology: Topology) -> dict[str, Signs]:
    """Of each of several affected services of which none is described, where what they have to do with each other was
    not learnt either.

    Parameters
    ----------
    own
        The alerts of each service.
    topology
        What is known of what depends on what.

    Returns
    -------
    By service; without those of which most is known. Empty where one is described, few are affected, or something was
    observed where one runs: that says more than names and times.

    Examples
    --------
    >>> own = {name: [Symptom(name, "HighLatency", 1, 90.0)] for name in ("web", "cart", "mail")}
    >>> own |= {"db": [Symptom("db", "DiskFull", 1, 30.0)]}
    >>> found = signs(own, Topology({}))
    >>> found["db"].utility(False) > found["web"].utility(False), found["db"].apart
    (True, ['of 4 services it alone has DiskFull', 'databases and queues are what others depend on'])
    >>> signs(own, Topology({"web": ["db"]}))
    {}
    """
    if any(service in topology.described for service in own) or any(
        one.observed for some in own.values() for one in some
    ):
        return {}
    names = {service: sorted({one.name for one in some}) for service, some in own.items() if service and some}
    if len(names) < FEWEST:
        return {}
    began = {service: min(one.first_at for one in own[service]) for service in names}
    first = min(began.values())
    having = Counter(name for some in names.values() for name in some)
    found = {}
    for service, some in names.items():
        unknown = _unknown(service, names, topology)
        if unknown >= _MOST_OF_THEM:
            late = (began[service] - first) / _MINUTE
            is_foundation = _is_foundation(service) or any(map(_is_foundation, some))
            found[service] = Signs(
                unknown, len(names) - 1, late, is_foundation, all(map(_is_suffering, some)), some, having
            )
    return found


def _unknown(service: str, affected: Collection[str], topology: Topology) -> float:
    """The share of the others that may depend on it for all that is known."""
    related = topology.above(service).keys() | topology.below(service).keys()
    return 1 - sum(other in affected for other in related) / (len(affected) - 1)


@lru_cache(maxsize=10_000)
def _is_foundation(name: str) -> bool:
    return bool(_FOUNDATIONS.search(name))


@lru_cache(maxsize=10_000)
def _is_suffering(name: str) -> bool:
    return bool(_SUFFERING.search(name))
