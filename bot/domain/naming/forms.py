"""The forms in which labels name something: pods, jobs, volume claims and addresses, as Kubernetes writes them."""

import ipaddress
import re
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit


class Form(StrEnum):
    """How a label names what it names."""

    NAME = "name"
    POD = "pod"
    JOB = "job"
    CLAIM = "claim"
    ADDRESS = "address"
    NAMESPACE = "namespace"


class Host(NamedTuple):
    """A host by its name, and its namespace where it is a service of Kubernetes."""

    name: str
    namespace: str = ""


# Kubernetes takes the letters of what it appends from this alphabet, so that no word comes about by chance:
# https://github.com/kubernetes/apimachinery/blob/master/pkg/util/rand/rand.go
_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
_OF_REPLICA_SET = re.compile(rf"(?P<of>.+)-(?:{_RANDOM}{{6,10}}|(?=[a-f]*\d)[a-f0-9]{{6,10}})-[a-z0-9]{{5}}")
_OF_HASH = re.compile(rf"(?P<of>.+)-(?:(?=[a-z]*\d){_RANDOM}{{6,10}}|(?=[a-f]*\d)[a-f0-9]{{6,10}})")
_OF_SET = re.compile(rf"(?P<of>.+)-(?:{_RANDOM}{{5}}|(?=[a-z]*\d[a-z0-9]*[a-z])[a-z0-9]{{5}})")
_ORDINAL = re.compile(r"(?P<of>.+?)(?:-\d+)+")
_DIGITS = re.compile(r"(?P<of>.+?)(?:[-.]\d+)+")

_VOLUME = (
    r"(?:data|datadir|dataset|storage|db|pvc|vol|volumes?|www|pgdata|wal|logs?|persist(?:ent|ence)?|claim|disk|mnt"
    r"|home)"
)
_REPEATED = re.compile(r"(?P<of>.+?)(?:-(?:db|data|storage|volume))?-(?P=of)")
_TEMPLATE = re.compile(
    rf"(?:{_VOLUME}|(?:redis|valkey|elasticsearch|opensearch|rabbitmq|kafka|mongodb?|mysql|postgres|pg)-(?:data|storage))"
    r"-(?P<of>.+)"
)
_ENDING = re.compile(rf"(?P<of>.+)-(?:{_VOLUME}|pv)(?:-claim)?")

_CLUSTER = re.compile(r"(?:.+\.)?(?P<name>[^.]+)\.(?P<namespace>[^.]+)\.svc(?:\..+)?")
_MANAGED = re.compile(
    r"(?P<name>[^.]+)\..*(?:\.amazonaws\.com(?:\.cn)?|\.database\.azure\.com|\.database\.windows\.net"
    r"|\.cache\.windows\.net|\.documents\.azure\.com|\.mongodb\.net)"
)
_ITSELF = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})


@lru_cache(maxsize=10_000)
def workload_of_pod(pod: str) -> str:
    """Without what its Deployment, DaemonSet, Job or StatefulSet appends.

    >>> [workload_of_pod(pod) for pod in ("cart-7d9f8b6c5-x2x1z", "fluent-bit-q7x2k", "orders-db-0", "cart-redis")]
    ['cart', 'fluent-bit', 'orders-db', 'cart-redis']
    >>> workload_of_pod("nightly-report-28412340-x7k2p")
    'nightly-report'
    """
    if found := _OF_REPLICA_SET.fullmatch(pod):
        return found["of"] if not found["of"].isdigit() else pod
    if found := _OF_SET.fullmatch(pod):
        return _without(_DIGITS, found["of"]) if re.search(r"-\d{6,}$", found["of"]) else found["of"]
    return _without(_ORDINAL, pod)


def workload_of_replica_set(name: str) -> str:
    """A ReplicaSet without its hash, a pod without all that it has more than its workload."""
    found = _OF_HASH.fullmatch(name)
    return found["of"] if found else workload_of_pod(name)


def workload_of_job(job: str) -> str:
    """Without the time that a CronJob appends.

    >>> workload_of_job("nightly-report-28412340")
    'nightly-report'
    """
    return _without(_DIGITS, job)


@lru_cache(maxsize=10_000)
def workload_of_claim(claim: str) -> str:
    """Whose volume it is: without the prefix of the template, and without its ordinal.

    >>> [workload_of_claim(claim) for claim in ("data-payments-db-0", "prometheus-k8s-db-prometheus-k8s-1", "cart-pvc")]
    ['payments-db', 'prometheus-k8s', 'cart']
    """
    name = _without(_ORDINAL, claim)
    for pattern in (_REPEATED, _TEMPLATE) if name != claim else (_TEMPLATE, _ENDING):
        if found := pattern.fullmatch(name):
            return found["of"]
    return _without(_ENDING, name) if name != claim and name.count("-") > 1 else name


@lru_cache(maxsize=10_000)
def host_of(address: str) -> Host:
    """The host of a URL or of a host with a port; a service of Kubernetes by its name. Nothing, where it is an IP.

    >>> host_of("https://web.shop.svc.cluster.local:8080/health")
    Host(name='web', namespace='shop')
    >>> host_of("orders-db:5432").name, host_of("10.0.0.5:9187").name, host_of("https://shop.example/").name
    ('orders-db', '', 'shop.example')
    """
    host = bare_host(address)
    if not host or host in _ITSELF or is_ip(host):
        return Host("")
    if found := _CLUSTER.fullmatch(host):
        return Host(found["name"], found["namespace"])
    found = _MANAGED.fullmatch(host)
    return Host(found["name"] if found else host)


def bare_host(address: str) -> str:
    """The host alone; of several, the first."""
    first = address.partition(",")[0].strip()
    if "://" not in first and (first.count(":") > 1 and not first.startswith("[")):
        return first  # an IPv6 address
    try:
        return urlsplit(first if "://" in first else f"//{first}").hostname or ""
    except ValueError:
        return ""


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _without(pattern: re.Pattern[str], name: str) -> str:
    found = pattern.fullmatch(name)
    return found["of"] if found else name


IN_FORM: dict[Form, Callable[[str], str]] = {
    Form.NAME: str,
    Form.POD: workload_of_replica_set,
    Form.JOB: workload_of_job,
    Form.CLAIM: workload_of_claim,
    Form.ADDRESS: lambda address: host_of(address).name,
}
