"""Who calls whom, from single spans.

By the name that a client gives its peer, and by a server's span whose parent is a client's.

What was seen lately is remembered in this process, so that the two ends of a call may come in different deliveries.
"""

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bot.domain.event import bounded
from handlers.sources.clean import clean
from handlers.telemetry.llm.names import PEER
from handlers.telemetry.llm.reading import Found

MOST_SPANS = 50_000
"""Spans that are remembered until their other end comes."""
MOST_EDGES = 20_000
_AGAIN_MS = 3_600_000
_MOST_NAME = 200
_CLUSTER = re.compile(r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?)\.[a-z0-9-]+\.svc(\.[a-z0-9.-]+)?$")
_HOST = re.compile(r"^[A-Za-z0-9_]([A-Za-z0-9_.\-/]*[A-Za-z0-9_])?$")
_HERE = frozenset({"localhost", "localhost.localdomain", "host.docker.internal", "unknown"})
_CALLING = (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER)

V = TypeVar("V")


class Recent(Generic[V]):
    """The last values by key; the eldest go first. Used by more than one thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[bytes, V] = {}
        self._lock = Lock()

    def put(self, key: bytes, value: V) -> None:
        with self._lock:
            self._known[key] = value
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]

    def get(self, key: bytes) -> V | None:
        return self._known.get(key)


class End(NamedTuple):
    """A service in a correlation domain."""

    domain: tuple[str, ...]
    service: str


class Edge(NamedTuple):
    domain: tuple[str, ...]
    service: str
    depends_on: str


class Calls:
    """Remembers spans whose other end may come yet."""

    def __init__(self) -> None:
        self._clients: Recent[End] = Recent(MOST_SPANS)
        self._servers: Recent[End] = Recent(MOST_SPANS)

    def edges(self, span: Span, end: End, found: Found) -> list[Edge]:
        """What a span shows of who calls whom."""
        if span.kind == Span.SPAN_KIND_SERVER:
            caller = peer_service(found)
            edges = [_edge(End(end.domain, caller), end.service)] if caller else []
            if span.parent_span_id:
                key = span.trace_id + span.parent_span_id
                client = self._clients.get(key)
                if client is None:
                    self._servers.put(key, end)
                else:
                    edges.append(_edge(client, end.service))
        elif span.kind in _CALLING:
            peer = peer_of(found)
            edges = [_edge(end, peer)] if peer else []
            if span.kind == Span.SPAN_KIND_CLIENT:
                key = span.trace_id + span.span_id
                self._clients.put(key, end)
                server = self._servers.get(key)
                edges += [_edge(end, server.service)] if server is not None else []
        else:
            return []
        return [edge for edge in edges if edge.service != edge.depends_on]


class KnownEdges:
    """Edges that were written lately: one that is seen with every request is written once an hour."""

    def __init__(self) -> None:
        self._written: Recent[int] = Recent(MOST_EDGES)

    def new(self, edges: set[Edge], now_ms: int) -> set[Edge]:
        """Those that are to be written."""
        return {edge for edge in edges if now_ms - (self._written.get(_key(edge)) or 0) > _AGAIN_MS}

    def note(self, edges: set[Edge], now_ms: int) -> None:
        """These are on disk."""
        for edge in edges:
            self._written.put(_key(edge), now_ms)


def _key(edge: Edge) -> bytes:
    return "\0".join([*edge.domain, edge.service, edge.depends_on]).encode(errors="replace")


def _edge(end: End, depends_on: str) -> Edge:
    return Edge(end.domain, end.service, depends_on)


def peer_service(found: Mapping[str, object]) -> str:
    """The name that a span gives the service at the other end."""
    name = found.get("peer.service")
    return bounded(clean(name.strip())[:_MOST_NAME]) if isinstance(name, str) else ""


def peer_of(found: Mapping[str, object]) -> str:
    """What a client or a producer calls; empty where only an address is known.

    >>> peer_of({"server.address": "payments.shop.svc.cluster.local"}), peer_of({"net.peer.name": "10.1.2.3"})
    ('payments', '')
    >>> peer_of({"db.system": "redis"}), peer_of({"server.address": "api.openai.com", "server.port": 443})
    ('redis', 'api.openai.com')
    """
    if name := peer_service(found):
        return name
    for key in PEER:
        value = found.get(key)
        name = _host(value.strip()) if isinstance(value, str) else ""
        if name:
            return bounded(name)
    return ""


@lru_cache(maxsize=4096)
def _host(text: str) -> str:
    """An address as a name: without a port, a service of Kubernetes by its own name, and no number."""
    host = re.sub(r":\d+$", "", text)[:_MOST_NAME]
    if host.lower() in _HERE or not _HOST.match(host) or _is_number(host):
        return ""
    cluster = _CLUSTER.match(host)
    return cluster[1] if cluster else host


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
