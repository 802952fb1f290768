"""Whether Tandem processes: what its own parts show, and for how long something has been wrong."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from bot.domain.duration import format_duration
from bot.domain.event import PingEvent
from bot.errors import InboxFull, StorageUnavailable
from bot.inbox.backlog import Backlog
from bot.inbox.intake import Intake, entries_for

SETTLE = timedelta(seconds=15)
"""So long a backlog is worked through after a start before its age alone is a trouble."""
RARELY = timedelta(seconds=15)
"""Between two looks at a slow database so much passes, though it answers."""
PROBE_SECONDS = 10.0

Clock = Callable[[], datetime]
Slack = Callable[[], tuple[str, bool]]


class Others(NamedTuple):
    """What else may be wrong, in words by its kind: ``serious`` keeps Tandem from its work, ``minor`` does not."""

    serious: Mapping[str, str] = MappingProxyType({})
    minor: Mapping[str, str] = MappingProxyType({})


class SelfCheck:
    """Whether Tandem processes: its endpoints commit, its pipeline is not far behind, its channel is up to date.

    ``after`` is how far behind is too far. What others do shows here too: the backlog is that of all replicas.
    """

    def __init__(
        self,
        backlog: Backlog,
        intake: Intake,
        slack: Slack,
        clock: Clock,
        after: timedelta,
        others: Callable[[], Others] = Others,
    ) -> None:
        self._backlog, self._intake, self._slack = backlog, intake, slack
        self._clock, self._others = clock, others
        self._since: dict[str, datetime] = {}
        self.after = after

    def problems(self) -> dict[str, str]:
        """What is wrong now, in words, by its kind."""
        found = {}
        unseen = self._clock() - self._backlog.looked_at
        if self._backlog.problem is not None:
            found["storage"] = f"the database does not answer: {self._backlog.problem}"
        elif unseen > self.after + RARELY:
            found["storage"] = f"the database has not answered for {format_duration(unseen)}"
        if self._intake.problem is not None:
            found["endpoints"] = f"the endpoints cannot store what they are sent: {self._intake.problem}"
        if self._backlog.age > self.after:
            waited = format_duration(self._backlog.age)
            found["pipeline"] = f"the oldest of {self._backlog.waiting.entries} entries that wait does so for {waited}"
        slack, _ = self._slack()
        if slack not in ("ok", "off"):
            found["slack"] = f"incidents are not told: {slack}"
        return found | dict(self._others().serious)

    def minor_problems(self) -> dict[str, str]:
        """What is wrong while Tandem does its work: somebody should know at once, and nobody is called."""
        return dict(self._others().minor)

    def lasting_problems(self) -> dict[str, str]:
        """What has been wrong for long enough to call somebody, of what is wrong now."""
        found, now = self.problems() | self.minor_problems(), self._clock()
        self._since = {kind: self._since.get(kind, now) for kind in found}
        bounds = {"pipeline": min(SETTLE, self.after), **dict.fromkeys(self.minor_problems(), timedelta(0))}
        return {kind: text for kind, text in found.items() if now - self._since[kind] >= bounds.get(kind, self.after)}

    @property
    def abandoned(self) -> bool:
        """Whether the pipeline is so late that the replica that should report it must be gone too."""
        return self._backlog.age > 2 * self.after

    async def probe(self) -> None:
        """Where the last commit failed, try one of our own: perhaps no sender comes who would show that it is over."""
        if self._intake.problem is None:
            return
        nobodys = PingEvent(source="tandem", name="", labels={})
        with suppress(InboxFull, StorageUnavailable, TimeoutError):
            async with asyncio.timeout(PROBE_SECONDS):
                await self._intake.append(entries_for([nobodys], "tandem", self._clock(), [], 1))
