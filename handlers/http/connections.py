"""How many connections are open, from one address and in all: nobody takes all of them."""

import json
import time
from collections import Counter

import structlog

from bot.observability.metrics import CONNECTIONS_OPEN, CONNECTIONS_REFUSED

MOST = 4096
MOST_OF_AN_ADDRESS = 1024
"""A proxy in front of several senders is one address."""
_LOG_EVERY = 60.0

log = structlog.get_logger(__name__)


class Connections:
    def __init__(self, most: int = MOST, of_an_address: int = MOST_OF_AN_ADDRESS) -> None:
        self._most, self._of_an_address = most, of_an_address
        self._open: Counter[str] = Counter()
        self._count = 0
        self._logged_at = float("-inf")

    def take(self, address: str) -> bool:
        """Count a connection from an address; False where there are too many, and it is not counted."""
        full = self._count >= self._most
        if full or self._open[address] >= self._of_an_address:
            self._note_refusal("all" if full else "address", address)
            return False
        self._open[address] += 1
        self._count += 1
        CONNECTIONS_OPEN.set(self._count)
        return True

    def give(self, address: str) -> None:
        """A connection that was counted has ended."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]
        self._count -= 1
        CONNECTIONS_OPEN.set(self._count)

    def _note_refusal(self, bound: str, address: str) -> None:
        if not self._open[address]:
            del self._open[address]
        CONNECTIONS_REFUSED.labels(bound).inc()
        if time.monotonic() >= self._logged_at + _LOG_EVERY:
            self._logged_at = time.monotonic()
            log.error(
                "connections.refused",
                bound=bound,
                address=address,
                open=self._count,
                most=self._most if bound == "all" else self._of_an_address,
                advice="see TANDEM_MOST_CONNECTIONS and TANDEM_MOST_CONNECTIONS_OF_AN_ADDRESS",
            )


def _refusal() -> bytes:
    """The answer to a connection that is not taken, before anything of it is read."""
    detail = "Too many connections are open: try again."
    body = json.dumps({"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": detail}).encode()
    head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 5\r\n"
    return f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


REFUSAL = _refusal()
