"""Fault injection: the ways in which Slack fails."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal["429", "500", "timeout", "timeout_before", "slow", "revoked", "down", "refused"]
SLOW_SECONDS = 2.0
HANG_SECONDS = 3600.0


@dataclass
class Fault:
    kind: Kind
    left: int
    retry_after: int
    error: str = ""
    about: str = ""


@dataclass
class Faults:
    """Per method, or ``*`` for all: what happens to the next calls."""

    planned: dict[str, Fault] = field(default_factory=dict)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def plan(
        self, method: str, kind: str, count: int, retry_after: int, error: str = "fatal_error", about: str = ""
    ) -> None:
        """``refused`` is answered with the error code; with ``about``, only calls with this text anywhere in them."""
        if kind not in get_args(Kind):
            raise ValueError(f"{kind!r} is no fault; known are {', '.join(get_args(Kind))}")
        self.planned[method] = Fault(kind, count, retry_after, error, about)  # type: ignore[arg-type]

    def take(self, method: str, given: str = "") -> Fault | None:
        for name in (method, "*"):
            fault = self.planned.get(name)
            if fault and fault.left > 0 and fault.about in given:
                fault.left -= 1
                return fault
        return None

    def clear(self) -> None:
        self.planned.clear()

    async def hang(self) -> None:
        """Never answer, or not before the server stops."""
        await asyncio.wait_for(self.released.wait(), HANG_SECONDS)
