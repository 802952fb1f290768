"""Whom a route's mentions reach: an empty group, and somebody who has left, are not mentioned.

A group that Slack does not know, which may be disabled, is: it costs nothing. Where nobody is reached, the team is.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from bot.domain.access.person import is_group
from bot.errors import TandemError
from bot.notify.budget.allowance import Allowance, Rate
from bot.notify.slack.people import NO_GROUP

KEPT = 60.0
"""For so many seconds it is not asked again whether a mention reaches somebody."""
_GROUPS, _PEOPLE = Rate(15, 10), Rate(60, 30)
"""So often Slack is asked in a minute: its tiers 2 and 4 leave something to those who ask for permissions."""
_MOST = 5_000
_NAMED = 5

Absent = Callable[[Sequence[str]], Awaitable[dict[str, str]]]
"""Those of these whom a mention does not reach, and why."""

log = structlog.get_logger(__name__)


class Reach:
    """``members`` are those of each team, who are mentioned in the place of others who are gone. ``timer`` gives
    seconds that no change of the clock touches. What Slack does not say now counts as reached."""

    def __init__(self, absent: Absent, members: Mapping[str, Sequence[str]], timer: Callable[[], float]) -> None:
        self._absent, self._members, self._timer = absent, members, timer
        self._groups, self._people = Allowance(_GROUPS, timer), Allowance(_PEOPLE, timer)
        self._known: dict[str, tuple[float, str]] = {}

    async def present(self, ids: Sequence[str], team: str | None) -> list[str]:
        """Whom to mention: those who are reached; where nobody is, the members of the incident's team as well."""
        absent = {one: await self._why_absent(one) for one in ids}
        kept = [one for one in ids if absent[one] in ("", NO_GROUP)]
        if not ids or not all(absent.values()):
            return kept
        others = [one for one in self._members.get(team or "", ()) if one not in ids]
        return kept + [one for one in others if not await self._why_absent(one)]

    def in_words(self) -> str:
        """Who is mentioned by a route and reached by nothing; empty where that is nobody."""
        gone = sorted(f"{who} {why}" for who, (_, why) in self._known.items() if why)
        more = [f"{len(gone) - _NAMED} more"] if len(gone) > _NAMED else []
        return f"mentions of routes reach nobody: {', '.join([*gone[:_NAMED], *more])}" if gone else ""

    async def _why_absent(self, who: str) -> str:
        at, why = self._known.get(who, (float("-inf"), ""))
        allowance = self._groups if is_group(who) else self._people
        if self._timer() < at + KEPT or not allowance.left:
            return why
        allowance.take()
        try:
            found = (await self._absent([who])).get(who, "")
        except TandemError:
            return why
        if found and found != why:
            log.warning("channel.mention_reaches_nobody", who=who, reason=found)
        self._known.pop(who, None)
        self._known[who] = (self._timer(), found)
        while len(self._known) > _MOST:
            del self._known[next(iter(self._known))]
        return found
