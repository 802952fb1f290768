"""What a message shows, as data: no markup, nothing escaped, no limit of any tool. A channel renders it.

Texts come from outside unless said otherwise, so a channel escapes all of them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.domain.guards.hold import Glass, Hold
from bot.domain.incident import IncidentStatus, TimelineEntry
from bot.domain.run import PreviousRun, RunStatus, StepStatus
from bot.domain.severity import Severity
from bot.notify.findings.findings_card import FindingsCard
from bot.notify.foreseen import Gate, PreviewCard

Style = Literal["primary", "danger"]


@dataclass(frozen=True, slots=True)
class Button:
    """``value`` comes back with a click and means nothing to the channel.

    With ``confirm``, the channel asks this, and for a yes, before the click counts.
    """

    action: str
    label: str
    value: str
    style: Style | None = None
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class AlertLine:
    """Alerts that are alike, counted. ``instances`` are the first of them, by what tells them apart.

    ``says`` is what one of them says, with its value against its threshold or what is usual.
    """

    name: str
    service: str
    severity: Severity
    count: int
    flapping: bool
    instances: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True)
class Alerts:
    """``firing`` says whether they still are, or ``lines`` is what fired. ``folded`` is what a host that is down
    explains; ``left_out`` counts what the senders did not send."""

    firing: bool
    count: int
    lines: tuple[AlertLine, ...]
    more_alerts: int
    more_kinds: int
    folded: str
    left_out: int


@dataclass(frozen=True, slots=True)
class PartOf:
    """The incident that this one became part of; ``url`` is empty where the channel has no address of its message."""

    number: int
    url: str


@dataclass(frozen=True, slots=True)
class ShownIn:
    """Another channel that shows the incident, by its key in the tool or its name; ``url`` is that of the message
    there, if it is known. ``thread``: its thread is there."""

    channel: str
    url: str
    thread: bool


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The other channels that show an incident. ``left``: its route leads there now, and no longer here."""

    left: bool = False
    shown: tuple[ShownIn, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """How an incident ended: what fixed it, and for how long people were called to it. ``by`` are user ids."""

    how: str
    by: tuple[str, ...] = ()
    disturbed: timedelta | None = None


@dataclass(frozen=True, slots=True)
class LikelyCause:
    phrase: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """Exactly what an approval is for, in full, and who may give it. ``verification`` says how it is verified.

    ``proposed_by`` did so by hand; at ``alone_at`` Tandem runs it by itself. A ``drill`` changes nothing.
    ``holds`` are the guards that forbid it now, ``glass`` who overrode freeze windows, ``reach`` what depends on what
    it acts on.
    """

    commands: str
    undo: str
    gate: Gate | None
    preview: PreviewCard
    approvers: tuple[str, ...]
    approvals: tuple[str, ...]
    required: int
    expires_at: datetime
    verification: str
    previous: PreviousRun | None
    buttons: tuple[Button, ...]
    holds: tuple[Hold, ...] = ()
    glass: Glass | None = None
    reach: str = ""
    proposed_by: str = ""
    alone_at: datetime | None = None
    drill: bool = False


@dataclass(frozen=True, slots=True)
class StepLine:
    text: str
    status: StepStatus
    rollback: bool
    found: str = ""  # what it said once it had ended


@dataclass(frozen=True, slots=True)
class RunCard:
    """A run: with ``offer`` while somebody may decide on it, with what became of it afterwards.

    ``verifying`` is what it waits for, empty unless it is being verified. ``stop`` ends what Tandem runs by itself.
    """

    id: str
    title: str
    status: RunStatus
    offer: Offer | None
    decided_by: tuple[str, ...]
    steps: tuple[StepLine, ...]
    verifying: str
    outcome: str
    stop: Button | None = None


@dataclass(frozen=True, slots=True)
class ByHand:
    """What people decided: who acknowledged it, who set its severity while its alerts say another, who opened it, so
    that it stays open until somebody resolves it, who has a role in it, and for when they promised the next update."""

    acknowledged_by: str | None = None
    severity_by: str | None = None
    alerts_severity: Severity | None = None
    kept_open_by: str | None = None
    lead: str | None = None
    scribe: str | None = None
    next_update_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentCard:
    """An incident as it is now.

    ``owner`` acknowledged it, ``on_call`` are those who are on call for it, ``links`` lead to where its most important
    alert comes from. ``menu`` are the buttons that are needed less often. ``text`` says in one sentence or two what
    happened; ``rewritten`` is that in a language model's words, if there are any. ``behind`` is the warning, in our
    words, that newer alerts are still coming in. ``owner``, ``on_call`` and ``resolved_by`` are user ids or names of
    tools.
    ``mentioned`` are the ids of people and groups whom it reached when it was posted; ``own_channel`` is the key of
    the channel that it has for itself.
    """

    incident_id: str
    number: int
    title: str
    status: IncidentStatus
    severity: Severity
    since: datetime
    changed_at: datetime
    owner: str | None
    resolved_by: str | None
    lasted: timedelta | None
    domain: str
    services: tuple[str, ...]
    more_services: int
    text: str
    rewritten: str
    links: tuple[Link, ...]
    alerts: Alerts | None
    cause: LikelyCause | None
    seen_before: tuple[str, ...]
    runs: tuple[RunCard, ...]
    buttons: tuple[Button, ...]
    menu: tuple[Button, ...]
    behind: str
    part_of: PartOf | None = None
    ended: Ended | None = None
    on_call: tuple[str, ...] = ()
    by_hand: ByHand = ByHand()
    own_channel: str = ""
    ticket: Link | None = None
    elsewhere: Elsewhere = Elsewhere()
    mentioned: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        return self.status is not IncidentStatus.RESOLVED


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about Tandem itself. ``since`` is when it began, given once it is over."""

    title: str
    reasons: tuple[str, ...]
    since: datetime | None = None

    @property
    def over(self) -> bool:
        return self.since is not None


@dataclass(frozen=True, slots=True)
class SilenceCard:
    """That alerts call nobody until a moment, or (``ended``) do so again. ``by`` is a user id or a name."""

    id: str
    ended: bool
    matchers: str
    ends_at: datetime
    by: str
    comment: str
    holds_back: str


@dataclass(frozen=True, slots=True)
class DigestLine:
    number: int
    title: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class DigestCard:
    """New incidents since a moment that are too many for messages of their own.

    So many are ``waiting``, the ``first`` of which are named; others were ``resolved`` or ``posted`` since.
    """

    since: datetime
    waiting: int
    resolved: int
    posted: int
    first: tuple[DigestLine, ...]


Content = IncidentCard | Notice | SilenceCard | DigestCard | FindingsCard


@dataclass(frozen=True, slots=True)
class Annotation:
    """``name`` is empty where the text speaks for itself."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class AlertDetails:
    """What the card leaves out of one alert."""

    name: str
    service: str
    severity: Severity
    source: str
    annotations: tuple[Annotation, ...]
    labels: str
    link: str


@dataclass(frozen=True, slots=True)
class Instance:
    """One of several alerts: what tells it from the others, its value, and where it leads."""

    name: str
    value: str
    link: str


@dataclass(frozen=True, slots=True)
class ThreadUpdate:
    """Timeline entries, oldest first, and after them the alerts that began, the first ones in detail.

    ``broadcast``: the channel shows it, too, and the people and groups ``mentioned`` are reached.
    """

    entries: tuple[TimelineEntry, ...]
    alerts: tuple[AlertDetails, ...] = ()
    others: tuple[Instance, ...] = ()
    broadcast: bool = False
    mentioned: tuple[str, ...] = ()
