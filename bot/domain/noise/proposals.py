"""Settings that would have spared people messages, each with what it would have done to the incidents that are kept."""

from collections.abc import Hashable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from bot.domain.duration import format_duration

LEAST = 3
"""Of fewer messages nothing is concluded."""
_STEPS = tuple(timedelta(minutes=minutes) for minutes in (2, 5, 10, 15, 30, 60))
_WORTH = 0.5
"""A setting is proposed that would have saved at least half of the messages."""
_NEARLY = 0.8
"""Of those that save about as many, the least is proposed."""
_HAVE_FOR = frozenset({"alertmanager", "prometheus", "grafana", "vmalert"})
"""Sources whose rules call it ``for``."""


class Setting(StrEnum):
    FOR = "for"
    """How long a condition holds before its rule fires."""
    ONE_FALSE_ALARM_IN = "one_false_alarm_in"
    """How rarely a watch may be wrong."""


class Life(NamedTuple):
    """One episode of an alert in an incident: of which kind of alert, how long, and whether people acted upon it."""

    kind: Hashable
    length: timedelta
    led_on: bool


class Proposal(NamedTuple):
    """``more`` is by how much longer the rule waits, ``times`` by how much rarer a watch may be wrong.

    Replayed over the ``of`` messages that its alerts brought, ``saved`` would not have been sent, and of those that
    somebody acted upon, ``hidden``. ``replayed`` is false where that cannot be known from what is kept.
    """

    setting: Setting
    saved: int
    of: int
    hidden: int
    more: timedelta = timedelta(0)
    times: float = 1.0
    watch: str = ""
    replayed: bool = True
    word: str = "for"

    @property
    def text(self) -> str:
        if self.setting is Setting.ONE_FALSE_ALARM_IN:
            return (
                f"let the watch {self.watch} be wrong half as often: double its `one_false_alarm_in`."
                f" By its definition that is about half of such messages; what is kept does not tell which"
            )
        hid = "none that was acted on" if not self.hidden else f"{self.hidden} that were acted on"
        what = "`for` of its rule" if self.word == "for" else "time that its rule waits before it fires"
        return (
            f"raise the {what} by {format_duration(self.more)}: replayed, that would have saved {self.saved} of"
            f" {self.of} messages and hidden {hid}; the others would have come {format_duration(self.more)} later"
        )


def longer_wait(kind: Hashable, incidents: Sequence[Sequence[Life]], source: str) -> Proposal | None:
    """By how much longer a rule should wait: the least that saves about the most, and hides nothing that people acted
    on. None where nothing saves half of the messages.

    An episode that was shorter than that would not have been; an incident is no message where all of it goes.
    """
    woke = [lives for lives in incidents if lives[0].kind == kind]
    if len(woke) < LEAST:
        return None
    tried = [(step, *_replayed(kind, incidents, step)) for step in _STEPS]
    harmless = [(step, saved) for step, saved, hidden in tried if not hidden]
    best = max((saved for _, saved in harmless), default=0)
    if best < LEAST or best < _WORTH * len(woke):
        return None
    step, saved = next((step, saved) for step, saved in harmless if saved >= _NEARLY * best)
    return Proposal(Setting.FOR, saved, len(woke), 0, more=step, word="for" if source in _HAVE_FOR else "wait")


def _replayed(kind: Hashable, incidents: Sequence[Sequence[Life]], step: timedelta) -> tuple[int, int]:
    """How many messages there would not have been, and how many of these were acted on."""
    gone = [lives for lives in incidents if all(one.kind == kind and one.length <= step for one in lives)]
    return len(gone), sum(any(one.led_on for one in lives) for lives in gone)


def rarer(watch: str, woke: int) -> Proposal | None:
    """That a watch may be wrong half as often."""
    if woke < LEAST:
        return None
    return Proposal(Setting.ONE_FALSE_ALARM_IN, woke // 2, woke, 0, times=2.0, watch=watch, replayed=False)
