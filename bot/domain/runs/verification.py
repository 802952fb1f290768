"""Verification: which alerts a run has to end, what is known of each by now, and what that means."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from bot.domain.alert import Alert
from bot.domain.event import EndedBy

MOST_WATCHED = 1000
MOST_NAMED = 5
_LONGEST_VALUE = 60


class WatchedAlert(msgspec.Struct, frozen=True):
    """An alert that fired when a run was approved. ``what`` is how people know it."""

    identity: str
    what: str
    alertname: str = ""


class Progress(msgspec.Struct, frozen=True):
    """How far a verification has come: when it began, and how many seconds it may still wait.

    The seconds are counted while it looks, whatever the clock does meanwhile. ``looked_after_by`` had acknowledged the
    incident when it began.
    """

    began_at: datetime
    remaining: float
    looked_after_by: str | None = None


class Verdict(StrEnum):
    """What a verification ends with."""

    VERIFIED = "verified"
    STILL_FIRING = "still firing"
    NO_EVIDENCE = "no evidence"
    TAKEN_OVER = "taken over"


class Patience:
    """Judges what is seen over time: all has to become good within ``within`` seconds, and stay so for ``stable_for``.

    >>> patience = Patience(within=10, stable_for=5)
    >>> [patience.judge(Look(firing=["A"]), 3), patience.judge(Look(), 9), patience.judge(Look(), 14)]
    [None, None, <Verdict.VERIFIED: 'verified'>]
    """

    def __init__(self, within: float, stable_for: float) -> None:
        self._within = within
        self._stable_for = stable_for
        self._good_since: float | None = None

    def judge(self, look: "Look", elapsed: float) -> Verdict | None:
        """The verdict after ``elapsed`` seconds of looking; None while there is none."""
        if look.good:
            self._good_since = elapsed if self._good_since is None else self._good_since
            return Verdict.VERIFIED if elapsed - self._good_since >= self._stable_for else None
        self._good_since = None
        if elapsed < self._within:
            return None
        return Verdict.STILL_FIRING if look.firing or look.unmet else Verdict.NO_EVIDENCE


class Listing(NamedTuple):
    """The own list of a source of alerts: of each by fingerprint, when it ends by itself if nothing renews it.

    ``running_since``: what the source had before it started it may have forgotten.
    """

    ends: Mapping[str, datetime]
    running_since: datetime | None = None


class Look(NamedTuple):
    """What is known at one moment: what still fires, what ended without that showing that it is over, and what else
    was asked and is not as it should be."""

    firing: Sequence[str] = ()
    unproven: Sequence[str] = ()
    unmet: Sequence[str] = ()

    @property
    def good(self) -> bool:
        return not self.firing and not self.unproven and not self.unmet

    def __add__(self, other: "Look") -> "Look":  # type: ignore[override]
        pairs = zip(self, other, strict=True)
        return Look(*([*mine, *more] for mine, more in pairs))


_WHY = {
    EndedBy.EXPIRED: "nothing was heard of it for too long",
    EndedBy.SOURCE_SILENT: "what it was found in no longer comes",
    EndedBy.NEW_LEVEL: "its level has only become usual",
    EndedBy.NEW_REFERENCE: "its data is compared with a new reference, which alone shows nothing",
}


def look_at(watched: Sequence[WatchedAlert], now: Mapping[str, Alert]) -> Look:
    """Judge the watched alerts, whichever incident they are in by now, silenced or not.

    One that ended by its sender's word is over; so is one of a detector that waits only to be sure, as its data is
    good. One that ended for another reason, or is no longer known, shows nothing.
    """
    firing, unproven = list[str](), list[str]()
    for one in watched:
        alert = now.get(one.identity)
        if alert is None:
            unproven.append(f"{one.what} is no longer known")
        elif alert.firing:
            if alert.good_since is None:
                firing.append(one.what)
        elif alert.ended_by is not None and not alert.ended_by.shows_it_is_over:
            unproven.append(f"{one.what} ended, but {_WHY[alert.ended_by]}")
    return Look(firing, unproven)


def watched_from(alerts: Sequence[Alert]) -> list[WatchedAlert]:
    """The alerts as they are watched; those of one kind are told apart by the labels in which they differ."""
    kinds: dict[tuple[str, str], list[Alert]] = {}
    for alert in alerts:
        kinds.setdefault((alert.name, alert.service), []).append(alert)
    return [
        WatchedAlert(alert.identity, _kind(alert) + _in_brackets(alert.labels, names), alert.name)
        for alike in kinds.values()
        for names in [_differing(alike)]
        for alert in alike
    ]


def _kind(alert: Alert) -> str:
    return f"{alert.name} on {alert.service}" if alert.service else alert.name


def _differing(alike: Sequence[Alert]) -> list[str]:
    """The first labels in which alerts differ."""
    first = alike[0].labels.items()
    return sorted({name for alert in alike[1:] for name, _ in first ^ alert.labels.items()})[:2]


def _in_brackets(labels: Mapping[str, str], names: Sequence[str]) -> str:
    shown = ", ".join(f"{name}={labels[name][:_LONGEST_VALUE]}" for name in names if name in labels)
    return f" ({shown})" if shown else ""


def named(whats: Sequence[str]) -> str:
    """Some of them, and how many more.

    >>> named(["A on cart", "B"])
    'A on cart and B'
    """
    shown = list(whats[:MOST_NAMED])
    if len(whats) > MOST_NAMED:
        return f"{', '.join(shown)} and {len(whats) - MOST_NAMED} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def default_stable_for(within: float) -> float:
    """How long what ended has to stay so: a minute, and less of a short verification.

    >>> default_stable_for(600.0), default_stable_for(20.0)
    (60.0, 4.0)
    """
    return min(60.0, within / 5)
