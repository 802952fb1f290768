"""Alertmanager's route tree, and what its receivers are here."""

from dataclasses import dataclass, field
from typing import Any

from bot.config.document import Place
from bot.domain.matcher import Matcher


@dataclass(frozen=True)
class Node:
    """A route of the tree, with its own matchers; ``receiver`` is inherited where it names none."""

    place: Place
    line: int
    receiver: str
    matchers: tuple[Matcher, ...] = ()
    goes_on: bool = False
    children: tuple["Node", ...] = ()
    intervals: tuple[str, ...] = ()
    """What mutes it, or the only time when it is active, in words."""


@dataclass(frozen=True)
class Receiver:
    """``steps`` are those of an escalation, if it has any. ``remarks`` are for whoever completes the file."""

    name: str
    channels: tuple[str, ...] = ()
    mention: tuple[str, ...] = ()
    escalation: str | None = None
    steps: tuple[dict[str, Any], ...] = ()
    remarks: tuple[str, ...] = ()
    silent: bool = False
    """Whether it notifies nobody, by anything."""

    @property
    def is_a_channel(self) -> bool:
        """Whether it is no more than a channel, or none."""
        return len(self.channels) < 2 and not self.mention and not self.escalation


@dataclass(frozen=True)
class Flat:
    """A route of tandem.yaml: what ``node`` decides, under all of these matchers."""

    node: Node
    matchers: tuple[Matcher, ...] = field(default=())
    goes_on: bool = False
