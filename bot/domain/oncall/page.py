"""A call: what an escalation tells somebody, by one of several ways."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Way(StrEnum):
    """How somebody is called."""

    MENTION = "mention"
    DIRECT = "direct_message"
    PAGERDUTY = "pagerduty"
    OPSGENIE = "opsgenie"
    WEBHOOK = "webhook"
    OPS = "ops_channel"


IN_SLACK = (Way.MENTION, Way.DIRECT, Way.OPS)
PAGERS = (Way.PAGERDUTY, Way.OPSGENIE, Way.WEBHOOK)
"""Other systems, which are told too when what they were called for was acknowledged or resolved."""


class Act(StrEnum):
    """What a call says: that somebody is needed, or what has become of that."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    REMIND = "remind"
    REPORT = "report"


class CallState(StrEnum):
    WANTED = "wanted"
    DONE = "done"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    """A later step, or an acknowledgement, came before it could be made."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One call by one way. ``round`` and ``step`` are that of its escalation, counted from 0, ``cycle`` how often that
    began.

    ``recipient`` tells calls of one step and way apart: the person of a direct message. ``people`` are Slack ids;
    ``target`` is the way's section of tandem.yaml, without any secret. ``text`` is what we
    say, in our own words. ``sending_since`` is set before a call whose answer may be lost.
    """

    id: int
    incident_id: str
    escalation: str
    cycle: int
    round: int
    step: int
    way: Way
    act: Act
    recipient: str = ""
    people: list[str] = []
    target: dict[str, Any] = {}
    text: str = ""
    state: CallState = CallState.WANTED
    made_at: datetime
    next_at: datetime
    sending_since: datetime | None = None
    attempts: int = 0
    reason: str = ""

    @property
    def key(self) -> str:
        """The same for each attempt at this call, and for no other one."""
        return f"{self.incident_id}/{self.cycle}/{self.round}/{self.step}/{self.way}/{self.act}/{self.recipient}"
