"""What routes are matched against, and what they decide."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from bot.domain.cause import CauseKind
from bot.domain.routing.mention import Mention
from bot.domain.routing.quiet import QuietHours
from bot.domain.severity import Severity

SHARED = ("service", "severity", "source", "cause", "domain", "team")
"""What a matcher finds beside labels; a label of one of these names is not looked at, but for ``team``."""
SEVERAL = ("service", "source", "team", "cause")
"""Of these an incident may have several: ``=`` and ``=~`` ask for one that fits, ``!=`` and ``!~`` for none."""


_KINDS_OF = {cause: tuple(kind.value for kind in CauseKind if cause.is_a(kind)) for cause in CauseKind}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an incident where its route is decided. ``labels`` are those that all firing alerts share."""

    severity: Severity = Severity.WARNING
    services: Sequence[str] = ()
    sources: Sequence[str] = ()
    cause: CauseKind | None = None
    domain: str = ""
    labels: Mapping[str, str] = {}

    @property
    def causes(self) -> tuple[str, ...]:
        """The kind of its likely cause, and what that is a kind of."""
        return () if self.cause is None else _KINDS_OF[self.cause]


class Target(NamedTuple):
    """A channel, as it is written in tandem.yaml, and who is mentioned there, but for its quiet hours."""

    channel: str
    mention: tuple[Mention, ...] = ()
    quiet: tuple[QuietHours, ...] = ()


class Decision(NamedTuple):
    """Whom an incident concerns.

    ``routes`` are the places of the matching routes in ``routes`` of tandem.yaml, none where nothing matched.
    ``targets`` are its channels, the first with the thread. ``team`` and ``escalation`` are names, or None.
    """

    targets: tuple[Target, ...]
    team: str | None = None
    escalation: str | None = None
    routes: tuple[int, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(target.channel for target in self.targets)
