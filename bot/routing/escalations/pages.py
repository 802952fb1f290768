"""What a step of an escalation wants: its calls, by whoever is on call now."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import BaseModel

from bot.domain.access.person import is_user
from bot.domain.duration import format_seconds
from bot.domain.incident import Incident
from bot.domain.oncall.escalation import Escalating, Escalation
from bot.domain.oncall.page import PAGERS, Act, Page, Way
from bot.routing.schedules.roster import NowOnCall, resolve


class Wanted(NamedTuple):
    """The calls of a step. ``reached``: at least one of them is to somebody."""

    pages: list[Page]
    reached: bool


def step_pages(
    incident: Incident, known: Escalating, escalation: Escalation, on_call: Mapping[str, NowOnCall], now: datetime
) -> Wanted:
    step = escalation.steps[known.step]
    made = _Making(incident, known, now)
    lead = _lead(incident, known, escalation)
    mentioned = resolve(step.mention, on_call)
    if mentioned.names:
        made.add(Way.MENTION, people=mentioned.names, text=_lines(lead, mentioned.notes))
    written = resolve(step.direct_message, on_call)
    for person in filter(is_user, written.names):
        made.add(Way.DIRECT, recipient=person, people=[person], text=_lines(lead, written.notes))
    for way in PAGERS:
        target: BaseModel | None = getattr(step, way.value)
        if target is not None:
            made.add(way, target=target.model_dump(), text=lead)
    reached = bool(made.pages)
    notes = dict.fromkeys([*mentioned.notes, *written.notes])
    if not reached or notes:
        made.add(Way.OPS, act=Act.REPORT, text=_report(incident, known, reached, notes))
    return Wanted(made.pages, reached)


def reminder(incident: Incident, known: Escalating, escalation: Escalation, nth: int, now: datetime) -> Page:
    """``nth`` tells the reminders of one acknowledgement apart."""
    owner = incident.looked_after_by or ""
    remind = format_seconds(escalation.remind.total_seconds()) if escalation.remind else ""
    text = f"Incident #{incident.number} is acknowledged and not resolved: this is said every {remind}"
    made = _Making(incident, known, now)
    made.add(Way.MENTION, act=Act.REMIND, recipient=str(nth), people=[owner] if is_user(owner) else [], text=text)
    return made.pages[0]


def following(called: Iterable[Page], act: Act, now: datetime) -> list[Page]:
    """What other systems are told of what has become of the incident for which they were called."""
    last = {(page.way, str(sorted(page.target.items()))): page for page in called}
    return [
        Page(
            id=0,
            incident_id=page.incident_id,
            escalation=page.escalation,
            cycle=page.cycle,
            round=page.round,
            step=page.step,
            way=page.way,
            act=act,
            target=page.target,
            made_at=now,
            next_at=now,
        )
        for page in last.values()
    ]


def report(page: Page, text: str, now: datetime) -> Page:
    """What the ops channel is told about a call that reached nobody."""
    return Page(
        id=0,
        incident_id=page.incident_id,
        escalation=page.escalation,
        cycle=page.cycle,
        round=page.round,
        step=page.step,
        way=Way.OPS,
        act=Act.REPORT,
        recipient=f"{page.way}/{page.recipient}",
        text=text,
        made_at=now,
        next_at=now,
    )


class _Making:
    def __init__(self, incident: Incident, known: Escalating, now: datetime) -> None:
        self._incident, self._known, self._now = incident, known, now
        self.pages: list[Page] = []

    def add(self, way: Way, *, act: Act = Act.TRIGGER, people: Iterable[str] = (), **fields: Any) -> None:
        known = self._known
        self.pages.append(
            Page(
                id=0,
                incident_id=self._incident.id,
                escalation=known.name,
                cycle=known.cycle,
                round=known.round,
                step=known.step,
                way=way,
                act=act,
                people=list(people),
                made_at=self._now,
                next_at=self._now,
                **fields,
            )
        )


def _lead(incident: Incident, known: Escalating, escalation: Escalation) -> str:
    begins = known.round == 0 and known.step == 0
    said = (
        f"Incident #{incident.number} needs somebody" if begins else f"Nobody has acknowledged #{incident.number} yet"
    )
    return f"{said} ({_place(known, escalation)})"


def _place(known: Escalating, escalation: Escalation) -> str:
    again = f", round {known.round + 1}" if known.round else ""
    return f"escalation {known.name}, step {known.step + 1} of {len(escalation.steps)}{again}"


def _report(incident: Incident, known: Escalating, reached: bool, notes: Iterable[str]) -> str:
    step = f"step {known.step + 1} of escalation {known.name}"
    said = (
        f"found nobody to call for incident #{incident.number}"
        if not reached
        else f"was not sure whom to call for incident #{incident.number}"
    )
    return _lines(f"{step[0].upper()}{step[1:]} {said}", notes)


def _lines(first: str, rest: Iterable[str]) -> str:
    return "\n".join([first, *rest])
