"""What an alert says of itself besides its service and its name, as tokens that can be compared.

Tokens are hashed to 32 bits and compared exactly, without a fitted vocabulary or vectors: what two alerts have in
common is a handful of names (a host, a zone, a version, a service in the text), each of which either occurs or not.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from zlib import crc32

MOST = 24
"""Tokens of one alert; of one with very many labels the first count."""
_SHORTEST, _LONGEST = 3, 60
_READ = 500
"""Characters of one label or text."""
_UNINFORMATIVE = frozenset(
    ("alertname", "severity", "priority", "job", "monitor", "prometheus", "receiver", "endpoint")
)
"""Labels that say what was noticed, how bad it is or who noticed it, and not where."""
_TOKEN = re.compile(rf"\w[\w.-]{{{_SHORTEST - 1},{_LONGEST - 1}}}")
_LETTER = re.compile(r"[^\W\d_]")
_COMPOUND = re.compile(r"[\d._-]")
_INSTANCE = re.compile(r"-(?:[0-9a-f]{6,10}-[0-9a-z]{5}|\d+)$")


def tokens_of(service: str, labels: Mapping[str, str], texts: Iterable[str]) -> frozenset[int]:
    """The names in an alert's labels and texts, hashed.

    Of texts, what looks like a name counts (``db-1``, ``eu_west``, ``v1.7``); of an alert without a service also plain
    words, for nothing else says where it fires. A pod is also named by the workload that it is an instance of.

    >>> labels = {"alertname": "Slow", "pod": "cart-7d9f8b6c5-x2x1z", "zone": "west"}
    >>> tokens_of("cart", labels, []) == {crc32(name) for name in (b"cart", b"cart-7d9f8b6c5-x2x1z", b"west")}
    True
    >>> tokens_of("db", {}, ["Latency of db-1 is high"]) == {crc32(b"db-1"), crc32(b"db")}
    True
    """
    found: dict[int, None] = dict.fromkeys(_tokens_in(service, True))
    for name, value in labels.items():
        if name not in _UNINFORMATIVE:
            found |= dict.fromkeys(_tokens_in(value, True))
        if len(found) >= MOST:
            break
    for text in texts:
        found |= dict.fromkeys(_tokens_in(text, not service))
    return frozenset(list(found)[:MOST])


@lru_cache(maxsize=10_000)
def _tokens_in(text: str, words: bool) -> tuple[int, ...]:
    return tuple(crc32(name.encode()) for name in _names_in(text[:_READ].lower(), words))


def _names_in(text: str, words: bool) -> Iterator[str]:
    for token in _TOKEN.findall(text):
        name = token.rstrip(".-_")
        if _LETTER.search(name) and (words or _COMPOUND.search(name)):
            yield name
            workload = _INSTANCE.sub("", name)
            if workload != name:
                yield workload
