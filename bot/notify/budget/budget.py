"""The calls that one workspace takes from us, and who makes the next one of each kind.

Slack limits each method for an app in a workspace, whichever channel it is about, and posts for each channel as well.
Who plans what to show says what it wants next and how urgent that is (:meth:`Budget.want`): the most urgent of all
channels comes first. Everything else waits for its turn where it makes the call (:meth:`Budget.spend`).

It counts what this replica does: whoever speaks to Slack has the lease of its role. What others did, as at a take-over,
Slack says by refusing a call (:meth:`Budget.refused`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from bot.notify.budget.allowance import RATES, Allowance, Rate
from bot.notify.channel import Call

SPACING = 1.0
"""Seconds between two posts in one channel."""
OVERSLEPT = 3.0
"""Whose turn it is and who does not come for so many seconds is passed over."""
_MOST_PLACES = 5_000
_SHORTEST, _AGAIN = 0.02, 0.25

Wake = Callable[[], None]


@dataclass
class _Bid:
    """``due``: the earliest comes first. ``spare`` is how many it leaves to what is more important. ``called_at`` is
    when it was woken for its turn, None before."""

    due: float
    spare: int
    wake: Wake
    called_at: float | None = None


class _Ticket(NamedTuple):
    later: bool
    number: int


class _Caller(NamedTuple):
    """Who waits to make a call; one that is ``paid`` for has been granted already."""

    place: str
    paid: bool


class Budget:
    """Of one workspace. ``timer`` gives seconds that no change of the clock touches."""

    def __init__(
        self,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rates: dict[Call, Rate] | None = None,
    ) -> None:
        self.timer, self._sleep = timer, sleep
        self._allowances = {call: Allowance(rate, timer) for call, rate in (rates or RATES).items()}
        self._free_at: dict[str, float] = {}
        self._bids: dict[Call, dict[str, _Bid]] = {call: {} for call in self._allowances}
        self._prepaid: set[tuple[Call, str]] = set()
        self._queues: dict[Call, dict[_Ticket, _Caller]] = {call: {} for call in self._allowances}
        self._bells: dict[Call, asyncio.TimerHandle] = {}
        self._numbers = count()

    def begin(self) -> None:
        """Whoever did this work before may have used up what Slack takes in a minute."""
        for call in ("update", "find", "find_reply"):
            self._allowances[call].keep(1)
        self._prepaid.clear()

    def want(self, call: Call, place: str, due: float, wake: Wake, spare: int = 0) -> bool:
        """Whether a channel may make a call now; where not, ``wake`` is called when it may be its turn.

        What was granted is its own until it makes the call. So many calls it leaves ``spare`` for others.
        """
        if (call, place) in self._prepaid:
            return True
        bids = self._bids[call]
        bids.pop(place, None)
        ahead = sum(1 for bid in bids.values() if bid.due < due and not self._overslept(bid))
        if self._allowances[call].left > ahead + self._unpaid(call) + spare:
            self._allowances[call].take()
            self._prepaid.add((call, place))
            return True
        bids[place] = _Bid(due, spare, wake)
        self._set_bell(call)
        return False

    def withdraw(self, place: str, *calls: Call) -> None:
        """A channel wants none of these any more; without ``calls``, of any kind."""
        for call in calls or tuple(self._bids):
            if self._bids[call].pop(place, None) and self._bids[call]:
                self._set_bell(call)
            if not calls:
                self._prepaid.discard((call, place))

    async def spend(self, call: Call, place: str, urgent: bool = False) -> None:
        """Wait until this call may be made; of those that wait, the urgent ones come first, then in their order."""
        caller = _Caller(place, paid=(call, place) in self._prepaid and not urgent)
        if caller.paid:
            self._prepaid.discard((call, place))
        ticket, queue = _Ticket(not urgent, next(self._numbers)), self._queues[call]
        queue[ticket] = caller
        try:
            while (wait := self._wait(call, ticket)) > 0:
                await self._sleep(max(wait, _SHORTEST))
        finally:
            del queue[ticket]
        if not caller.paid:
            self._allowances[call].take()
        if call == "post":
            self._occupy(place)

    def refused(self, call: Call) -> None:
        """Slack has taken none although we had one left: somebody else makes calls in our name."""
        self._allowances[call].keep(0)

    def _unpaid(self, call: Call) -> int:
        return sum(not caller.paid for caller in self._queues[call].values())

    def _wait(self, call: Call, ticket: _Ticket) -> float:
        """Seconds until it may be its turn."""
        place, paid = self._queues[call][ticket]
        before = [caller for one, caller in self._queues[call].items() if one < ticket]
        free = 0.0
        if call == "post":
            same = sum(caller.place == place for caller in before)
            free = self._free_at.get(place, 0.0) - self.timer() + same * SPACING
        ahead = sum(not caller.paid for caller in before)
        allowance = self._allowances[call]
        return max(free, 0.0 if paid or allowance.left > ahead else allowance.until(ahead + 1))

    def _occupy(self, place: str) -> None:
        now = self.timer()
        if len(self._free_at) >= _MOST_PLACES:
            self._free_at = {one: at for one, at in self._free_at.items() if at > now}
        self._free_at[place] = now + SPACING

    def _overslept(self, bid: _Bid) -> bool:
        return bid.called_at is not None and self.timer() - bid.called_at > OVERSLEPT

    def _set_bell(self, call: Call) -> None:
        """Ring when the next call of this kind can be made."""
        if call not in self._bells:
            self._bells[call] = asyncio.get_running_loop().call_later(self._until_next(call), self._ring, call)

    def _until_next(self, call: Call) -> float:
        spare = min((bid.spare for bid in self._bids[call].values()), default=0)
        return max(self._allowances[call].until(1 + self._unpaid(call) + spare), _SHORTEST)

    def _ring(self, call: Call) -> None:
        """Whose turn it is, is woken, and again where they have not come."""
        del self._bells[call]
        bids, left = self._bids[call], self._allowances[call].left - self._unpaid(call)
        waiting = sorted((bid for bid in bids.values() if not self._overslept(bid)), key=lambda bid: bid.due)
        for ahead, bid in enumerate(waiting):
            if left > ahead + bid.spare:
                bid.called_at = self.timer() if bid.called_at is None else bid.called_at
                bid.wake()
        if bids:
            wait = max(self._until_next(call), _AGAIN)
            self._bells[call] = asyncio.get_running_loop().call_later(wait, self._ring, call)
