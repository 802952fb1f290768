"""``escalations`` of tandem.yaml: whom to call next, while nobody acknowledges an incident."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple, Self
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.domain.access.person import Whom
from bot.domain.duration import Duration
from bot.domain.incident import Incident, IncidentStatus
from bot.domain.routing.quiet import GRACE, QuietHours

PAUSE = timedelta(minutes=5)
"""Before the steps are repeated, where they do not say themselves how far they are apart."""
LATE = timedelta(seconds=10)
"""A step that is later than that was held up: the next one is counted from then, and not from when it was due."""
_LONGEST = timedelta(days=30)


def _check_url(url: str) -> str:
    parsed = urlsplit(url)
    if parsed.scheme not in ("http", "https") or not parsed.hostname:
        raise ValueError("write an address, as in https://pager.example/hook")
    return url


def _check_span(span: timedelta | None) -> timedelta | None:
    if span is not None and span > _LONGEST:
        raise ValueError("write a time of at most 30d")
    return span


def _check_remind(span: timedelta | None) -> timedelta | None:
    if span is not None and span <= timedelta(0):
        raise ValueError("write a time of more than nothing")
    return _check_span(span)


Url = Annotated[str, AfterValidator(_check_url)]
Secret = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,100}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PagerDutyTarget(_Section):
    """An event of PagerDuty's Events API v2."""

    secret: Secret
    """The integration key: `X` is read from `TANDEM_SECRET_X`."""
    url: Url = "https://events.pagerduty.com/v2/enqueue"
    """Where events are sent; `https://events.eu.pagerduty.com/v2/enqueue` in the EU."""


class OpsgenieTarget(_Section):
    """An alert of Opsgenie or Jira Service Management."""

    secret: Secret
    """The API key: `X` is read from `TANDEM_SECRET_X`."""
    url: Url = "https://api.opsgenie.com/v2/alerts"
    """Where alerts are made; `https://api.eu.opsgenie.com/v2/alerts` in the EU."""


class WebhookTarget(_Section):
    """A POST to an address of yours."""

    url: Url
    """The address."""
    secret: Secret | None = None
    """Signs the request as Standard Webhooks says: `X` is read from `TANDEM_SECRET_X`."""


class EscalationStep(_Section):
    """Whom to call once so much time has passed since the escalation began; at least one of the kinds."""

    after: Annotated[Duration, AfterValidator(_check_span)] = timedelta(0)
    """Since the beginning, not since the step before; it never decreases from step to step."""
    mention: Annotated[list[Whom], Field(max_length=50)] = []
    """Whom to mention in the incident's channel: people, user groups, `{schedule: NAME}`."""
    direct_message: Annotated[list[Whom], Field(max_length=20)] = []
    """Whom to write to directly: people, `{schedule: NAME}`."""
    pagerduty: PagerDutyTarget | None = None
    opsgenie: OpsgenieTarget | None = None
    webhook: WebhookTarget | None = None

    @model_validator(mode="after")
    def _calls_somebody(self) -> Self:
        if not (self.mention or self.direct_message or self.pagerduty or self.opsgenie or self.webhook):
            raise ValueError("say whom to call: mention, direct_message, pagerduty, opsgenie or webhook")
        return self

    @property
    def people(self) -> list[str]:
        return [*self.mention, *self.direct_message]


class Escalation(_Section):
    steps: Annotated[list[EscalationStep], Field(min_length=1, max_length=50)]
    """Whom to call, in order, until somebody acknowledges the incident."""
    repeat: Annotated[int, Field(ge=0, le=100)] = 0
    """How often all steps are done again where still nobody has."""
    remind: Annotated[Duration | None, AfterValidator(_check_remind)] = None
    """Remind whoever acknowledged it, each time that so much has passed and it is not resolved."""
    quiet: QuietHours | None = None
    """Hours in which nobody is called for incidents that are not severe; beside those of the route."""

    @model_validator(mode="after")
    def _goes_forward(self) -> Self:
        times = [step.after for step in self.steps]
        if times != sorted(times):
            raise ValueError("`after` counts from the beginning, so it may not decrease from one step to the next")
        return self

    def wait_before(self, place: "Place") -> timedelta:
        """How long to wait for a step after the one before it."""
        if place.step > 0:
            return self.steps[place.step].after - self.steps[place.step - 1].after
        if place.round == 0:
            return self.steps[0].after
        last = self.steps[-1].after - self.steps[-2].after if len(self.steps) > 1 else self.steps[0].after
        return last if last > timedelta(0) else PAUSE

    def following(self, place: "Place") -> "Place | None":
        """The step after one, None after the last one of the last round."""
        if place.step + 1 < len(self.steps):
            return Place(place.round, place.step + 1)
        return Place(place.round + 1, 0) if place.round < self.repeat else None


class Place(NamedTuple):
    """A step of an escalation, in one of its rounds; both are counted from 0."""

    round: int
    step: int


class State(StrEnum):
    CALLING = "calling"
    EXHAUSTED = "exhausted"
    """All steps were done, and nobody has acknowledged it."""
    ACKNOWLEDGED = "acknowledged"
    OVER = "over"
    """It is resolved, or nothing escalates it."""


class Escalating(msgspec.Struct, frozen=True, kw_only=True):
    """How far the escalation of an incident has come.

    ``cycle`` counts how often it began. ``round`` and ``step`` are the next step while it is calling, ``due_at`` is
    when that, or a reminder, is due, and ``wait_seconds`` how long it was waited for at most. ``version`` is the
    incident's that this was decided by.
    """

    incident_id: str
    name: str = ""
    state: State = State.OVER
    cycle: int = 0
    round: int = 0
    step: int = 0
    due_at: datetime | None = None
    wait_seconds: float = 0.0
    version: int = 0

    @property
    def place(self) -> Place:
        return Place(self.round, self.step)

    @property
    def live(self) -> bool:
        return self.state is not State.OVER

    def late_by(self, now: datetime) -> timedelta:
        return now - self.due_at if self.due_at else timedelta(0)


def settled(
    known: Escalating, incident: Incident, name: str, escalation: Escalation | None, now: datetime
) -> Escalating:
    """What becomes of an escalation by what became of its incident; ``name`` is that of its route's escalation.

    It begins anew where somebody took their acknowledgement back, the incident reopened, or another one applies.
    """
    seen = msgspec.structs.replace(known, version=incident.version)
    if incident.status is IncidentStatus.RESOLVED or escalation is None:
        return msgspec.structs.replace(seen, name=name, state=State.OVER, due_at=None)
    if incident.status is IncidentStatus.ACKNOWLEDGED:
        same = known.state is State.ACKNOWLEDGED and known.name == name
        acknowledged = msgspec.structs.replace(seen, name=name, state=State.ACKNOWLEDGED)
        return seen if same else _waiting(acknowledged, escalation.remind, now)
    if known.state in (State.CALLING, State.EXHAUSTED) and known.name == name:
        return seen
    begun = msgspec.structs.replace(seen, name=name, state=State.CALLING, cycle=known.cycle + 1, round=0, step=0)
    return _waiting(begun, escalation.wait_before(Place(0, 0)), now)


def after_step(known: Escalating, escalation: Escalation, now: datetime, reached: bool) -> Escalating:
    """Its next step. Where a step reached nobody, the next one of its round is not waited for.

    Where it was late, the wait counts from now: after an outage of ours or a jump of the clock no two steps come at
    once.
    """
    following = escalation.following(known.place)
    if following is None:
        return msgspec.structs.replace(known, state=State.EXHAUSTED, due_at=None)
    moved = msgspec.structs.replace(known, round=following.round, step=following.step)
    if not reached and following.step > 0:
        return _waiting(moved, timedelta(0), now)
    on_time = known.due_at is not None and timedelta(0) <= known.late_by(now) < LATE
    return _waiting(moved, escalation.wait_before(following), known.due_at if known.due_at and on_time else now)


def put_off(known: Escalating, until: datetime, now: datetime) -> Escalating:
    """Quiet hours last until then: the step, or the reminder, comes some time after."""
    return _waiting(known, until + GRACE - now, now)


def brought_back(known: Escalating, escalation: Escalation, now: datetime) -> Escalating:
    """What quiet hours have put off, and no longer do, comes as if they had not been."""
    wait = escalation.wait_before(known.place)
    late = known.state is State.CALLING and known.due_at is not None and known.due_at - now > wait
    return _waiting(known, timedelta(0), now) if late else known


def after_reminder(known: Escalating, escalation: Escalation, now: datetime) -> Escalating:
    return _waiting(known, escalation.remind, now)


def brought_forward(known: Escalating, now: datetime) -> Escalating:
    """Where the clock was put back, nothing is waited for longer than it was meant to be."""
    latest = now + timedelta(seconds=known.wait_seconds)
    return msgspec.structs.replace(known, due_at=latest) if known.due_at and known.due_at > latest else known


def _waiting(known: Escalating, wait: timedelta | None, now: datetime) -> Escalating:
    if wait is None:
        return msgspec.structs.replace(known, due_at=None, wait_seconds=0.0)
    return msgspec.structs.replace(known, due_at=now + wait, wait_seconds=wait.total_seconds())
