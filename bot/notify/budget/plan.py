"""What one channel publishes next: what is new or got worse first, what is over last, and no more than Slack takes."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bot.notify.budget.budget import Budget, Wake
from bot.notify.budget.lags import Kind, Lags
from bot.notify.channel import Call
from bot.notify.setbacks import Item
from bot.storage.queries.shown.channel_messages import DueMessage, DueThread

LOOKED_AT = 200
"""So many messages that are out of date are compared."""
MESSAGES_PER_THREAD = 10
_PATIENCE = (5.0, 10.0, 30.0, 60.0)
"""Seconds that an edit may wait before one of a less severe incident comes after it, by the rank of the severity."""
_OVER, _BEHIND = 90.0, 120.0
"""The same of an incident that is over, and of one shown as it is that says that Tandem was behind."""
_DETAILS = 86_400.0
"""New incidents, and what got worse, come before any other reply that has waited for less than a day."""
_SPARE = 20
"""So many posts other replies leave to those."""
_MOST = 2_000


class Wish(NamedTuple):
    """``due``: of all channels the earliest comes first. ``spare`` is how many calls it leaves to what is urgent."""

    item: Item
    call: Call
    due: float
    spare: int = 0


class _Shown(NamedTuple):
    rank: int
    over: bool


class Plan:
    """Of one channel; without a ``budget`` all may be published at once. ``wake`` is called when its turn comes.

    ``waits``: there is something to publish, and it is not its turn yet.
    """

    def __init__(
        self, timer: Callable[[], float], wake: Wake, budget: Budget | None = None, lags: Lags | None = None
    ) -> None:
        self._timer, self._wake, self._budget, self._lags = timer, wake, budget, lags
        self._since: dict[Item, float] = {}
        self._shown: dict[str, _Shown] = {}
        self._candidates: dict[Item, DueMessage] = {}
        self._turn = 0
        self.waits = False

    def next(
        self, key: str, digest: Wish | None, messages: Sequence[DueMessage], thread: DueThread | None
    ) -> Item | None:
        """The first of what is to be published that may be now."""
        self._note(key, messages, thread)
        wishes = list(self._in_order(digest, messages, thread))
        self._turn += 1
        for wish in wishes:
            if self._may(key, wish):
                self.waits = False
                return wish.item
        self.waits = bool(wishes)
        self._withdraw(key, wishes)
        return None

    def _may(self, key: str, wish: Wish) -> bool:
        return self._budget is None or self._budget.want(wish.call, key, wish.due, self._wake, wish.spare)

    def published(self, item: Item) -> None:
        """Succeeded; what it was like then, its next edit is compared with."""
        candidate = self._candidates.get(item)
        self._since.pop(item, None)
        if candidate is not None:
            self._shown.pop(item.id, None)
            self._shown[item.id] = _Shown(candidate.severity.rank, candidate.over)
            while len(self._shown) > _MOST:
                del self._shown[next(iter(self._shown))]

    def end(self, key: str) -> None:
        """Somebody else goes on with this channel, or nobody."""
        self._since.clear()
        if self._budget is not None:
            self._budget.withdraw(key)
        if self._lags is not None:
            self._lags.note(key, {})

    def promised(self, incident_id: str) -> Wish:
        """That an incident gets its own message now."""
        item = Item("message", incident_id)
        return Wish(item, "post", self._since.get(item, self._timer()))

    def _note(self, key: str, messages: Sequence[DueMessage], thread: DueThread | None) -> None:
        """Since when everything waits; what does not any more is forgotten."""
        now = self._timer()
        self._candidates = {Item("message", one.incident_id): one for one in messages}
        threads = [Item("thread", thread.incident_id)] if thread else []
        self._since = {item: self._since.get(item, now) for item in (*self._candidates, *threads)}
        if self._lags is not None:
            kinds: dict[Kind, list[float]] = {"new": [], "edit": [], "thread": []}
            for item, since in self._since.items():
                one = self._candidates.get(item)
                kinds["thread" if one is None else "new" if one.new else "edit"].append(since)
            self._lags.note(key, {kind: min(since) for kind, since in kinds.items() if since})

    def _in_order(
        self, digest: Wish | None, messages: Sequence[DueMessage], thread: DueThread | None
    ) -> Iterator[Wish]:
        """Of edits the most urgent one of many: they are so few a minute."""
        found = [digest] if digest else []
        new = next((one for one in messages if one.new), None) if digest is None else None
        if new is not None:
            found.append(self.promised(new.incident_id))
        edits = [Wish(Item("message", one.incident_id), "update", self._due(one)) for one in messages if not one.new]
        if edits:
            found.append(min(edits, key=lambda wish: wish.due))
        if thread is None:
            return iter(found)
        item = Item("thread", thread.incident_id)
        since, worse = self._since[item], thread.worse
        reply = Wish(item, "post", since) if worse else Wish(item, "post", since + _DETAILS, _SPARE)
        its_turn = self._turn % (2 if thread.worse else MESSAGES_PER_THREAD) == 0
        return iter([reply, *found] if its_turn else [*found, reply])

    def _due(self, one: DueMessage) -> float:
        since, before = self._since[Item("message", one.incident_id)], self._shown.get(one.incident_id)
        if one.over:
            return since + _OVER
        if not one.outdated:
            return since + _BEHIND
        worse = before is not None and (before.over or one.severity.rank < before.rank)
        return since if worse else since + _PATIENCE[one.severity.rank]

    def _withdraw(self, key: str, wishes: Sequence[Wish]) -> None:
        if self._budget is not None:
            wanted = {wish.call for wish in wishes}
            self._budget.withdraw(key, *[call for call in ("post", "update") if call not in wanted])
