"""The channels that incidents are shown in: each has a notifier of its own, which begins when something leads there.

One that is archived, refuses or is slow delays no other. A name and an id of one channel are one channel.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine
from typing import Any

import structlog

from bot.errors import ConfigError
from bot.notify.budget.budget import Budget
from bot.notify.budget.lags import Lags
from bot.notify.channel import Channel
from bot.notify.channels.reach import Reach
from bot.notify.channels.routed import SELDOM, OnCallNow, Routed, nobody
from bot.notify.notifier import Notifier
from bot.notify.rate_limits import RateLimits

Work = Callable[[Channel, Notifier], Coroutine[Any, Any, None]]
"""What else goes on in a channel while it is shown, until cancelled."""
Open = Callable[[str], Channel]
Make = Callable[[Channel, Routed], Notifier]

_NAMED = 5
_APART = 0.1
"""Seconds between two looks of all channels together, where nobody wakes them."""

log = structlog.get_logger(__name__)


class Channels:
    """``default`` is the notifier of ``slack.channel``; others are opened and made when they are needed. All share the
    ``budget`` of their workspace, and what is known of whom mentions reach there."""

    def __init__(
        self,
        default: str,
        open_channel: Open,
        make: Make,
        beside: Work,
        on_call: OnCallNow = nobody,
        budget: Budget | None = None,
        reach: Reach | None = None,
    ) -> None:
        self._name, self._budget, self.reach = default, budget, reach
        self._open, self._make, self._on_call, self._beside = open_channel, make, on_call, beside
        self._limits = RateLimits(time.monotonic)
        self.lags = Lags(time.monotonic)
        self.keys: dict[str, str] = {}
        self._opened: dict[str, Channel] = {}
        self._notifiers: dict[str, Notifier] = {}
        self._owners: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self.default = self._notifier_of(default)

    def routed(self) -> Routed:
        """Who is mentioned in no channel in particular."""
        return Routed(set(), self.keys, self._on_call, adopts=False, reach=self.reach)

    def show(self, names: Collection[str]) -> None:
        """Something of these channels has changed, or is to be looked at."""
        for name in names:
            notifier = self._serving(name)
            if notifier is not None:
                notifier.wake()

    async def run(self) -> None:
        """Serve the channels until cancelled."""
        self.keys.clear()
        self._owners.clear()
        if self._budget is not None:
            self._budget.begin()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for name in list(self._notifiers):
                    self._serving(name)
                await asyncio.Event().wait()
        except BaseExceptionGroup as several:
            raise _first_of(several) from several
        finally:
            self._group = None
            self._tasks.clear()

    def refusing(self) -> frozenset[str]:
        """The names of channels that take nothing until a person does something."""
        return frozenset(name for name, one in self._notifiers.items() if one.refused)

    def refused_in_words(self) -> str:
        """What channels do not take while they take the rest; nothing where they take all."""
        return ", ".join(filter(None, (one.setbacks.in_words() for one in set(self._notifiers.values()))))

    def problems_in_words(self) -> str:
        """What is wrong with channels beside the default one; nothing while all is well."""
        wrong = [f"{name}: {one.problem}" for name, one in sorted(self._notifiers.items()) if one.problem]
        wrong = [text for text in wrong if not text.startswith(f"{self._name}: ")]
        return "; ".join([*wrong[:_NAMED], *([f"{len(wrong) - _NAMED} more"] if len(wrong) > _NAMED else [])])

    def _serving(self, name: str) -> Notifier | None:
        """The notifier of a channel, at work; None for a name of another release that leads nowhere here."""
        try:
            notifier = self._notifier_of(name)
        except ConfigError as error:
            log.error("channel.unknown", channel=name, reason=str(error))
            return None
        if self._group is not None and name not in self._tasks:
            self._tasks[name] = self._group.create_task(self._serve(name))
        return notifier

    def _notifier_of(self, name: str) -> Notifier:
        if name not in self._notifiers:
            self._opened[name] = self._open(name)
            routed = Routed({name}, self.keys, self._on_call, adopts=name == self._name, limits=self._limits)
            routed.budget, routed.lags, routed.reach = self._budget, self.lags, self.reach
            routed.seldom = self._seldom
            self._notifiers[name] = self._make(self._opened[name], routed)
        return self._notifiers[name]

    def _seldom(self) -> float:
        return max(SELDOM, len(self._notifiers) * _APART)

    async def claimed(self, name: str) -> Notifier | None:
        """The notifier that serves a channel from now on; None for another name of a channel that is served already,
        which goes to who serves it."""
        notifier = self._notifier_of(name)
        key = await notifier.key()
        self.keys[name] = key
        owner = self._owners.setdefault(key, name)
        if owner == name:
            return notifier
        serving = self._notifiers[name] = self._notifiers[owner]
        serving.also(name)
        serving.wake()
        return None

    async def _serve(self, name: str) -> None:
        notifier = await self.claimed(name)
        if notifier is None:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(notifier.run())
            group.create_task(self._beside(self._opened[name], notifier))


def _first_of(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended them all."""
    first = several.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first
