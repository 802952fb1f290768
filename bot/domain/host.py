"""The hosts that an alert's labels name."""

from collections.abc import Mapping

_HOSTS = ("node", "host", "hostname", "instance")
_ITSELF = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
_LONGEST = 253  # https://www.rfc-editor.org/rfc/rfc1035 and what an index has room for


def hosts_of(labels: Mapping[str, str]) -> list[str]:
    """The hosts, without their ports. What is no host, or is one in everybody's eyes, is left out.

    The instance of an alert about a pod is the pod's own address.

    >>> hosts_of({"node": "worker-3", "pod": "cart-7d9f8b6c5-x2x1z", "instance": "10.244.1.7:8080"})
    ['worker-3']
    >>> hosts_of({"instance": "[fd00::5]:9100", "host": "db-1"})
    ['db-1', 'fd00::5']
    >>> hosts_of({"instance": "https://shop.example/health", "host": "localhost"})
    []
    """
    named = [labels.get(label, "") for label in _HOSTS if label != "instance" or "pod" not in labels]
    hosts = dict.fromkeys(without_port(name) for name in named if "/" not in name)
    return [host for host in hosts if host and host not in _ITSELF and len(host.encode()) <= _LONGEST]


def without_port(name: str) -> str:
    """The host alone.

    >>> without_port("db-1:9100"), without_port("[fd00::5]:9100"), without_port("2001:db8::5")
    ('db-1', 'fd00::5', '2001:db8::5')
    """
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name if name.count(":") > 1 else name.partition(":")[0]
