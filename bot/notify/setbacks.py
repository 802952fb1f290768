"""What a channel did not take: each message is set aside alone and tried again later, and nothing waits for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

FIRST_WAIT, LONGEST_WAIT = 15.0, 1800.0
MAX_SET_ASIDE = 500
"""Most that are remembered; beyond, the oldest is tried again at once."""
_NAMED = 3


class Item(NamedTuple):
    """Something to publish: message or thread of an incident, the chart of an alert, or the digest of a channel."""

    kind: Literal["message", "thread", "chart", "digest"]
    id: str


@dataclass(frozen=True, slots=True)
class _Refusal:
    about: str
    reason: str
    attempts: int
    until: float


class Setbacks:
    """A refusal is about its item. A failure (no answer, a server's error) may be about the item or the channel.

    An item that failed is *doubted*: the others come first. Once another one succeeds, the channel works; if the item
    then fails again, it is at fault itself, and is set aside like one that was refused.
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._refusals: dict[Item, _Refusal] = {}
        self._doubted: set[Item] = set()
        self._suspects: set[Item] = set()

    def refused(self, item: Item, about: str, reason: str) -> float:
        """Set it aside; returns for how many seconds."""
        before = self._refusals.pop(item, None)
        attempts = before.attempts + 1 if before else 1
        wait = min(FIRST_WAIT * 2.0 ** min(attempts - 1, 20), LONGEST_WAIT)
        self._refusals[item] = _Refusal(about, reason, attempts, self._timer() + wait)
        while len(self._refusals) > MAX_SET_ASIDE:
            del self._refusals[next(iter(self._refusals))]
        return wait

    def failed(self, item: Item) -> bool:
        """Whether the item is at fault itself, as others have succeeded since it failed before."""
        if item in self._suspects or item in self._refusals:
            return True
        if len(self._doubted) < MAX_SET_ASIDE:
            self._doubted.add(item)
        return False

    def succeeded(self, item: Item) -> None:
        self._suspects = (self._suspects | self._doubted) - {item}
        self._doubted.clear()
        self._refusals.pop(item, None)

    def waiting(self, kind: str) -> list[str]:
        """Those that are set aside now."""
        now = self._timer()
        self._refusals = {i: one for i, one in self._refusals.items() if one.until > now - LONGEST_WAIT}  # or forgotten
        return [item.id for item, refusal in self._refusals.items() if item.kind == kind and refusal.until > now]

    def doubted(self, kind: str) -> list[str]:
        return [item.id for item in self._doubted if item.kind == kind]

    @property
    def one_in_doubt(self) -> bool:
        """Whether a single one has failed since the last success: with two it is rather the channel."""
        return len(self._doubted) == 1

    def __len__(self) -> int:
        return len(self._refusals)

    def in_words(self) -> str:
        """What is set aside and why, or nothing; the latest first."""
        latest = list(reversed(self._refusals.values()))
        named = [f"{one.about} ({one.reason}, {one.attempts} times so far)" for one in latest[:_NAMED]]
        more = [f"{len(latest) - _NAMED} more"] if len(latest) > _NAMED else []
        return ", ".join([*named, *more])
