"""Makes the card of an incident: which of all that is known is shown, in which order, and how much of it."""

from datetime import timedelta
from typing import Final

from bot.domain.alert import Alert
from bot.domain.incident import Incident, IncidentStatus, Tally
from bot.domain.inhibition import in_words
from bot.incidents.lifecycle import still_firing
from bot.notify.card import AlertLine, Alerts, Button, Example, IncidentCard, LikelyCause, Link, PartOf
from bot.notify.instances import first_of
from bot.notify.plain_text import is_blank
from bot.notify.run_card import run_card, runs_to_show
from bot.notify.view import IncidentView

MAX_KINDS: Final = 8
MAX_INSTANCES: Final = 3
MAX_SERVICES: Final = 5
SUMMARY_KEYS: Final = ("summary", "description", "message")
_MAX_EVIDENCE, _MAX_PAST = 4, 3


def card_of(view: IncidentView) -> IncidentCard:
    incident = view.incident
    return IncidentCard(
        incident_id=incident.id,
        number=incident.number,
        title=title_of(incident),
        status=incident.status,
        severity=incident.severity,
        since=incident.opened_at,
        changed_at=incident.changed_at,
        owner=incident.acknowledged_by,
        resolved_by=incident.resolved_by,
        lasted=incident.lasted(incident.resolved_at) if incident.resolved_at else None,
        domain=incident.domain,
        services=tuple(incident.services[:MAX_SERVICES]),
        more_services=max(len(incident.services) - MAX_SERVICES, 0),
        text=view.rewritten or incident.summary,
        rewritten=view.rewritten,
        example=_example(view.example) if view.example else None,
        alerts=_alerts(view) if view.tallies else None,
        cause=_cause(incident),
        seen_before=tuple(past.in_words(view.now) for past in incident.past[:_MAX_PAST]) if incident.open else (),
        runs=tuple(run_card(run, view) for run in runs_to_show(view.runs)),
        buttons=_lifecycle_buttons(view),
        feedback=_feedback_buttons(view),
        behind=behind_in_words(view.behind) if view.behind is not None and view.warns_behind else "",
        part_of=PartOf(view.part_of.number, view.part_of_url) if view.part_of else None,
    )


def title_of(incident: Incident) -> str:
    """The title, or a word in place of one that cannot be seen."""
    return "incident" if is_blank(incident.title) else incident.title


def behind_in_words(behind: timedelta) -> str:
    """That what is shown is not the newest.

    >>> behind_in_words(timedelta(seconds=200))
    'Tandem is 3 min behind: newer alerts are still coming in'
    """
    minutes = max(1, round(behind.total_seconds() / 60))
    span = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
    return f"Tandem is {span} behind: newer alerts are still coming in"


def _alerts(view: IncidentView) -> Alerts:
    firing = bool(view.incident.open and view.active)
    hidden = view.shown[MAX_KINDS:]
    return Alerts(
        firing=firing,
        count=sum(tally.alerts for tally in (view.active if firing else view.tallies)),
        lines=tuple(_line(tally, view) for tally in view.shown[:MAX_KINDS]),
        more_alerts=sum(tally.alerts for tally in hidden),
        more_kinds=len(hidden),
        folded=in_words(view.incident.inhibited) if view.incident.inhibited else "",
        left_out=view.incident.truncated,
    )


def _line(tally: Tally, view: IncidentView) -> AlertLine:
    same = [alert for alert in view.alerts if is_of(alert, tally)] if tally.alerts > 1 else []
    instances = first_of(same, MAX_INSTANCES)
    return AlertLine(tally.name, tally.service, tally.severity, tally.alerts, tally.flapping, instances)


def is_of(alert: Alert, tally: Tally) -> bool:
    """Whether an alert is one of those that a tally counts."""
    one = (alert.name, alert.service, alert.severity, alert.active, alert.flapping)
    return one == (tally.name, tally.service, tally.severity, tally.active, tally.flapping)


def _example(alert: Alert) -> Example | None:
    notes = alert.annotations
    text = next((notes[key] for key in SUMMARY_KEYS if notes.get(key) and not is_blank(notes[key])), "")
    urls = {"Runbook": notes.get("runbook_url", ""), "Dashboard": notes.get("dashboard_url", ""), "Source": alert.link}
    links = tuple(Link(label, url) for label, url in urls.items() if url)
    return Example(text, links) if text or links else None


def _cause(incident: Incident) -> LikelyCause | None:
    if not incident.causes:
        return None
    first = incident.causes[0]
    return LikelyCause(first.phrase, tuple(first.evidence[:_MAX_EVIDENCE]))


def _lifecycle_buttons(view: IncidentView) -> tuple[Button, ...]:
    incident = view.incident
    if not incident.open:
        return ()
    acknowledge = Button("incident.ack", "Acknowledge", incident.id)
    resolve = _resolve_button(incident.id, sum(tally.alerts for tally in view.active))
    silence = Button("incident.silence", "Silence …", incident.id)
    first = (acknowledge,) if incident.status is IncidentStatus.TRIGGERED else ()
    return (*first, resolve, silence)


def _resolve_button(incident_id: str, firing: int) -> Button:
    """What fires is asked about in the channel, and the value says that it was."""
    if not firing:
        return Button("incident.resolve", "Resolve", incident_id)
    text = f"{still_firing(firing)}. If they go on, they call again as a new incident."
    return Button("incident.resolve", "Resolve", f"{incident_id}:asked", confirm=text)


def _feedback_buttons(view: IncidentView) -> tuple[Button, ...]:
    """One for each group of a watch whose alerts are here; the thread says what a click did."""
    alone = len(view.lessen) == 1
    return tuple(
        Button(
            "alert.not_useful" + (f".{n}" if n else ""),
            "Not useful" if alone else f"Not useful: {alert.group}",
            f"{view.incident.id}:{alert.identity}",
        )
        for n, alert in enumerate(view.lessen)
    )
