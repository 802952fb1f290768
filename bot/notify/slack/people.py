"""What Slack says about people: whether they are members of the workspace, and in which user groups they are.

Answers are kept for a while. https://docs.slack.dev/reference/methods/usergroups.users.list
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.domain.access.person import Person, is_group, is_user, schedule_of
from bot.errors import CallFailed, StorageUnavailable
from bot.notify.slack.failures import code_of

KEPT = timedelta(minutes=1)
ANSWERS_WITHIN = 2.0
"""Seconds: what a person did is acknowledged within three."""
NO_GROUP = "is no user group"
"""What is said of one that somebody deleted or disabled, or that never was."""
_MOST = 5000
_LASTING = ("missing_scope", "no_such_subteam", "subteam_not_found")
_GONE = frozenset({"deactivated"})
"""The workspace of nobody: in the place of those of whoever is deactivated."""
_FAILURES = (SlackClientError, aiohttp.ClientError, TimeoutError, OSError)

log = structlog.get_logger(__name__)


class _Known(NamedTuple):
    """An answer, or why there is none; ``passing`` reasons are not kept.

    Of a person the answer is the workspaces they are in, none for a guest; of a group it is who is in it.
    """

    at: datetime
    answer: frozenset[str] = frozenset()
    why: str = ""
    passing: bool = False


class People:
    """The people of a workspace as its app sees them; bounded in memory.

    ``on_call`` gives who is on call now in the schedule that a name stands for. Answers are ``kept`` for so long.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        clock: Callable[[], datetime],
        on_call: Callable[[str], Awaitable[frozenset[str]]] | None = None,
        kept: timedelta = KEPT,
    ) -> None:
        self._client = client
        self._clock = clock
        self._on_call, self._kept = on_call, kept
        self._members: dict[str, _Known] = {}
        self._groups: dict[str, _Known] = {}

    async def person(self, user: str, groups: Collection[str], workspaces: Collection[str]) -> Person:
        """Somebody, with which of these user groups they are in, and whether they are a member of these workspaces."""
        member, *found = await asyncio.gather(self._member(user), *map(self._group, sorted(groups)))
        named = dict(zip(sorted(groups), found, strict=True))
        return Person(
            user,
            member=bool(member.why) or not member.answer.isdisjoint(workspaces),
            groups=frozenset(group for group, known in named.items() if user in known.answer),
            unknown={group: known.why for group, known in named.items() if known.why},
            doubt=member.why,
        )

    async def absent(self, names: Collection[str]) -> dict[str, str]:
        """Those of these people and user groups whom a mention does not reach, and why; as far as Slack says."""
        users, groups = sorted(filter(is_user, names)), sorted(filter(is_group, names))
        people = await asyncio.gather(*map(self._member, users))
        members = await asyncio.gather(*map(self._group, groups))
        gone = {user: "is deactivated" for user, known in zip(users, people, strict=True) if known.answer == _GONE}
        empty = {
            group: "is a user group with nobody in it" if not known.why else NO_GROUP
            for group, known in zip(groups, members, strict=True)
            if (not known.why and not known.answer)
            or (known.why and not known.passing and "no user group" in known.why)
        }
        return gone | empty

    async def by_address(self, address: str) -> str | None:
        """The id of whoever has an e-mail address here. Raises CallFailed where Slack does not say.

        https://docs.slack.dev/reference/methods/users.lookupByEmail
        """
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                user = (await self._client.users_lookupByEmail(email=address))["user"]
                return None if user.get("deleted") else str(user["id"])
        except SlackApiError as error:
            if (code := code_of(error)) == "users_not_found":
                return None
            raise CallFailed(f"users.lookupByEmail: {code}") from error
        except (*_FAILURES, KeyError, TypeError, AttributeError) as error:
            raise CallFailed(f"users.lookupByEmail: {type(error).__name__}") from error

    async def _member(self, user: str) -> _Known:
        known = self._members.get(user)
        if known is None or self._is_old(known):
            call = self._client.users_info(user=user)
            asked = await self._asked("users:read", "whether you are a guest", call, _workspaces)
            # Who was a member a minute ago is one now: an outage of Slack takes no rights away.
            known = known if known and not known.why and asked.passing else asked
            _keep(self._members, user, known)
        return known

    def _is_old(self, known: _Known) -> bool:
        return known.passing or self._clock() - known.at >= self._kept

    async def _group(self, group: str) -> _Known:
        if schedule_of(group) is not None:
            return await self._schedule(group)
        known = self._groups.get(group)
        if known is None or self._is_old(known):
            call = self._client.usergroups_users_list(usergroup=group)
            known = await self._asked("usergroups:read", f"who is in @{group}", call, _users)
            _keep(self._groups, group, known)
        return known

    async def _schedule(self, name: str) -> _Known:
        """Who is on call is not kept: it may have changed a moment ago."""
        now, schedule = self._clock(), schedule_of(name)
        if self._on_call is None:
            return _Known(now, why=f"Tandem cannot see who is on call in {schedule}")
        try:
            return _Known(now, await self._on_call(name))
        except StorageUnavailable:
            return _Known(
                now, why=f"Tandem cannot see now who is on call in {schedule}: please try again", passing=True
            )

    async def _asked(
        self,
        scope: str,
        what: str,
        call: Coroutine[Any, Any, AsyncSlackResponse],
        read: Callable[[AsyncSlackResponse], frozenset[str]],
    ) -> _Known:
        now, passing = self._clock(), True
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                return _Known(now, read(await call))
        except SlackApiError as error:
            reason = code_of(error)
            why, passing = _in_words(reason, scope, what), reason not in _LASTING
        except (*_FAILURES, KeyError, TypeError, AttributeError) as error:
            why = f"Slack does not say now {what} ({type(error).__name__}): please try again"
        log.warning("slack.person_unknown", reason=why)
        return _Known(now, why=why, passing=passing)


def _in_words(error: str, scope: str, what: str) -> str:
    if error == "missing_scope":
        return f"Tandem cannot see {what}: add the scope {scope} to the Slack app and install it again"
    if error in _LASTING:
        return f"Tandem cannot see {what}: Slack knows no user group of that id"
    return f"Slack does not say now {what} ({error[:60]}): please try again"


def _workspaces(answer: AsyncSlackResponse) -> frozenset[str]:
    """Those that somebody is a full member of. https://docs.slack.dev/reference/objects/user-object"""
    user = answer["user"]
    if user.get("deleted"):
        return _GONE
    if any(user.get(mark) for mark in ("is_restricted", "is_ultra_restricted", "is_stranger")):
        return frozenset()
    organisation = user.get("enterprise_user") or {}
    teams = [user.get("team_id"), organisation.get("enterprise_id"), *organisation.get("teams", ())]
    return frozenset(str(team) for team in teams if team)


def _users(answer: AsyncSlackResponse) -> frozenset[str]:
    return frozenset(map(str, answer["users"]))


def _keep(known: dict[str, _Known], name: str, one: _Known) -> None:
    known.pop(name, None)
    while len(known) >= _MOST:
        del known[next(iter(known))]
    known[name] = one
