"""The limits that Slack documents: for each method by workspace, for posts by channel as well.

https://docs.slack.dev/apis/web-api/rate-limits
"""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable

_TIER_2, _TIER_3, _TIER_4 = 20, 50, 100
POSTS = 300
"""Slack says "several hundred messages per minute" for the whole workspace."""
A_MINUTE = {
    "chat.postMessage": POSTS,
    "chat.getPermalink": POSTS,
    "auth.test": POSTS,
    "chat.update": _TIER_3,
    "chat.delete": _TIER_3,
    "chat.postEphemeral": _TIER_4,
    "bots.info": _TIER_3,
    "conversations.list": _TIER_2,
    "conversations.create": _TIER_2,
    "conversations.archive": _TIER_2,
    "conversations.info": _TIER_3,
    "conversations.history": _TIER_3,
    "conversations.replies": _TIER_3,
    "conversations.open": _TIER_3,
    "conversations.join": _TIER_3,
    "conversations.invite": _TIER_3,
    "conversations.members": _TIER_4,
    "assistant.threads.setSuggestedPrompts": _TIER_4,
    "assistant.threads.setTitle": _TIER_4,
    "reactions.add": _TIER_3,
    "users.info": _TIER_4,
    "users.list": _TIER_2,
    "users.lookupByEmail": _TIER_3,
    "usergroups.list": _TIER_2,
    "usergroups.users.list": _TIER_2,
    "files.getUploadURLExternal": _TIER_4,
    "files.completeUploadExternal": _TIER_4,
    "views.open": _TIER_4,
    "views.push": _TIER_4,
    "views.update": _TIER_4,
    "views.publish": _TIER_4,
}
"""Calls of a method that a workspace takes from one app in any minute."""
_WINDOW = 60.0


class Limits:
    """``burst`` is how many posts a channel takes at once, before it takes one a second. ``refused`` counts by method
    what came too soon."""

    def __init__(self, burst: int = 3, timer: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._timer = burst, timer
        self._due: dict[str, float] = defaultdict(float)
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self.refused: Counter[str] = Counter()

    def wait_for(self, method: str, channel: str) -> float:
        """Seconds until the call is taken; 0 where it is, which then counts."""
        wait = max(self._of_workspace(method), self._of_channel(channel) if method == "chat.postMessage" else 0.0)
        if wait > 0:
            self.refused[method] += 1
            return wait
        self._calls[method].append(self._timer())
        if method == "chat.postMessage":
            self._due[channel] = max(self._due[channel], self._timer()) + 1.0
        return 0.0

    def _of_workspace(self, method: str) -> float:
        calls, most = self._calls[method], A_MINUTE.get(method)
        while calls and calls[0] <= self._timer() - _WINDOW:
            calls.popleft()
        return calls[0] + _WINDOW - self._timer() if most is not None and len(calls) >= most else 0.0

    def _of_channel(self, channel: str) -> float:
        return max(self._due[channel] - self._timer() - (self._burst - 1), 0.0)
