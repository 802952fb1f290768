"""Which service writes a stream of log lines that names none, by the spans in which its lines were written.

A line of such a stream says in which span it was written, and who sends that span says what it is. Lines come before
their spans, as a rule, so each waits for the other here, in the memory of this process. A stream is of a service once
some of its lines were, and nearly all of them.
"""

import re
from collections import Counter, OrderedDict
from threading import Lock
from typing import TypeAlias

from handlers.telemetry.calls import Recent

MOST_WAITING = 20_000
"""Lines and spans that wait for each other."""
MOST_STREAMS = 2_000
_ENOUGH, _NEARLY_ALL = 3, 0.9
_FADES_AT = 200
_TRACE = re.compile(r"trace[_.-]?id\W{1,5}([0-9a-f]{32})\b", re.IGNORECASE)
_SPAN = re.compile(r"span[_.-]?id\W{1,5}([0-9a-f]{16})\b", re.IGNORECASE)

Stream: TypeAlias = frozenset[tuple[str, str]]


class TracedStreams:
    """``joins`` is false until a stream that names no service was seen: before that, no span is remembered."""

    def __init__(self) -> None:
        self.joins = False
        self._lines: Recent[Stream] = Recent(MOST_WAITING)
        self._spans: Recent[str] = Recent(MOST_WAITING)
        self._votes: OrderedDict[Stream, Counter[str]] = OrderedDict()
        self._lock = Lock()

    def line(self, stream: Stream, key: bytes) -> None:
        """A line was written in the span of a key."""
        self.joins = True
        if not key:
            return
        service = self._spans.get(key)
        if service is None:
            self._lines.put(key, stream)
        else:
            self._vote(stream, service)

    def span(self, key: bytes, service: str) -> None:
        """A service sends the span of a key."""
        if not self.joins or not service:
            return
        stream = self._lines.get(key)
        if stream is None:
            self._spans.put(key, service)
        else:
            self._vote(stream, service)

    def service_of(self, stream: Stream) -> str:
        """Empty where that is not clear."""
        votes = self._votes.get(stream)
        if not votes:
            return ""
        service, count = votes.most_common(1)[0]
        return service if count >= _ENOUGH and count >= _NEARLY_ALL * votes.total() else ""

    def _vote(self, stream: Stream, service: str) -> None:
        with self._lock:
            votes = self._votes.pop(stream, None) or Counter()
            if votes.total() >= _FADES_AT:
                votes = Counter({name: count // 2 for name, count in votes.items() if count > 1})
            votes[service] += 1
            self._votes[stream] = votes
            if len(self._votes) > MOST_STREAMS:
                self._votes.popitem(last=False)


def key_of(trace: bytes, span: bytes, text: str) -> bytes:
    """The span in which a line was written, by its record, else by what the line says; empty where it says none.

    >>> key_of(b"", b"", '{"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}').hex()
    '0af7651916cd43dd8448eb211c80319cb7ad6b7169203331'
    """
    if len(trace) == 16 and len(span) == 8:
        return trace + span
    in_text = _TRACE.search(text), _SPAN.search(text)
    if in_text[0] is None or in_text[1] is None:
        return b""
    return bytes.fromhex(in_text[0][1]) + bytes.fromhex(in_text[1][1])
