"""Makes the card of an incident: which of all that is known is shown, in which order, and how much of it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from bot.domain.alert import Alert
from bot.domain.event import EndedBy
from bot.domain.incident import Incident, IncidentStatus, Tally
from bot.domain.inhibition import in_words
from bot.domain.run import RunStatus
from bot.domain.severity import Severity
from bot.incidents.lifecycle import still_firing
from bot.notify.card import AlertLine, Alerts, Button, ByHand, Ended, IncidentCard, LikelyCause, Link, PartOf
from bot.notify.instances import first_of
from bot.notify.plain_text import is_blank
from bot.notify.readings import reading_in_words
from bot.notify.run_card import STANDS_OUT, run_cards
from bot.notify.view import IncidentView

MAX_KINDS: Final = 8
MAX_INSTANCES: Final = 3
MAX_SERVICES: Final = 5
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
        owner=incident.looked_after_by,
        resolved_by=incident.resolved_by,
        lasted=incident.lasted(incident.resolved_at) if incident.resolved_at else None,
        domain=incident.domain,
        services=tuple(incident.services[:MAX_SERVICES]),
        more_services=max(len(incident.services) - MAX_SERVICES, 0),
        text=view.rewritten or incident.summary,
        rewritten=view.rewritten,
        links=_links(view.example) if view.example else (),
        alerts=_alerts(view) if view.tallies else None,
        cause=_cause(incident),
        seen_before=tuple(past.in_words(view.now) for past in incident.past[:_MAX_PAST]) if incident.open else (),
        runs=run_cards(view),
        buttons=_buttons(view),
        menu=_menu(view),
        behind=behind_in_words(view.behind) if view.behind is not None and view.warns_behind else "",
        part_of=PartOf(view.part_of.number, view.part_of_url) if view.part_of else None,
        ended=_ended(view) if not incident.open and not incident.part_of else None,
        elsewhere=view.elsewhere,
        mentioned=tuple(view.mentioned),
        on_call=tuple(view.on_call),
        by_hand=_by_hand(incident),
        own_channel=view.own_channel.channel if view.own_channel else "",
        ticket=Link(view.ticket.key, view.ticket.url) if view.ticket and view.ticket.url else None,
    )


def _by_hand(incident: Incident) -> ByHand:
    return ByHand(
        acknowledged_by=incident.acknowledged_by,
        severity_by=incident.severity_by if incident.open else None,
        alerts_severity=incident.alerts_severity,
        kept_open_by=incident.kept_open_by if incident.open else None,
        lead=incident.lead,
        scribe=incident.scribe,
        next_update_at=incident.next_update_at if incident.open else None,
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
        lines=alert_lines(view.shown[:MAX_KINDS], view),
        more_alerts=sum(tally.alerts for tally in hidden),
        more_kinds=len(hidden),
        folded=in_words(view.incident.inhibited) if view.incident.inhibited else "",
        left_out=view.incident.truncated,
    )


def alert_lines(tallies: Sequence[Tally], view: IncidentView) -> tuple[AlertLine, ...]:
    return tuple(_line(tally, view) for tally in tallies)


def _line(tally: Tally, view: IncidentView) -> AlertLine:
    same = [alert for alert in view.alerts if is_of(alert, tally)]
    instances = first_of(same, MAX_INSTANCES) if tally.alerts > 1 else ()
    says = reading_in_words(same[0]) if same else ""
    return AlertLine(tally.name, tally.service, tally.severity, tally.alerts, tally.flapping, instances, says)


def is_of(alert: Alert, tally: Tally) -> bool:
    """Whether an alert is one of those that a tally counts."""
    one = (alert.name, alert.service, alert.severity, alert.active, alert.flapping)
    return one == (tally.name, tally.service, tally.severity, tally.active, tally.flapping)


def _links(alert: Alert) -> tuple[Link, ...]:
    notes = alert.annotations
    urls = {"Runbook": notes.get("runbook_url", ""), "Dashboard": notes.get("dashboard_url", ""), "Source": alert.link}
    return tuple(Link(label, url) for label, url in urls.items() if url)


def _cause(incident: Incident) -> LikelyCause | None:
    if not incident.causes:
        return None
    first = incident.causes[0]
    return LikelyCause(first.phrase, tuple(first.evidence[:_MAX_EVIDENCE]))


def _ended(view: IncidentView) -> Ended:
    """What fixed it: a run that was verified, the person or tool that resolved it, or nothing of which we know."""
    incident = view.incident
    called = max(incident.learnt_at, incident.opened_at)
    whole = (incident.resolved_at or view.now) - called - timedelta(seconds=incident.healthy_seconds)
    disturbed = max(whole, timedelta(0))
    what, by = _what_ended_it(view)
    return Ended(what, by, disturbed)


def _what_ended_it(view: IncidentView) -> tuple[str, tuple[str, ...]]:
    """In words, and who approved it."""
    under_way = [run for run in view.runs if not run.status.ended and run.status is not RunStatus.PROPOSED]
    helped = [run for run in view.runs if run.status is RunStatus.SUCCEEDED]
    if view.incident.resolved_by and not helped:
        return "Resolved by hand: no runbook was verified", ()
    if under_way:
        return f"No alert fires any more: “{under_way[-1].plan.title}” is {under_way[-1].status}", ()
    if helped:
        last = max(helped, key=lambda run: run.ended_at or run.created_at)
        return f"Fixed by “{last.plan.title}”, which was verified", tuple(last.approvals)
    if any(alert.ended_by is EndedBy.NEW_LEVEL for alert in view.alerts):
        return "It has not gone back: the level that came with a change is usual from now on", ()
    if any(alert.ended_by and not alert.ended_by.shows_it_is_over for alert in view.alerts):
        return "Nothing shows that it is over: its alerts are no longer reported", ()
    return "It ended without a runbook: no alert fires any more", ()


def _buttons(view: IncidentView) -> tuple[Button, ...]:
    """The first one stands out, where no runbook is offered."""
    incident = view.incident
    if not incident.open:
        return ()
    offered = any(run.status is RunStatus.PROPOSED for run in view.runs)
    style = None if offered else STANDS_OUT
    acknowledge = Button("incident.ack", "Acknowledge", incident.id, style)
    resolve = _resolve_button(incident.id, sum(tally.alerts for tally in view.active))
    first = (acknowledge, resolve) if incident.status is IncidentStatus.TRIGGERED else (resolve,)
    return (*first, Button("incident.ticket", "Open a ticket", incident.id)) if view.offers_ticket else first


def _resolve_button(incident_id: str, firing: int) -> Button:
    """What fires is asked about in the channel, and the value says that it was."""
    if not firing:
        return Button("incident.resolve", "Resolve", incident_id)
    text = f"{still_firing(firing)}. If they go on, they call again as a new incident."
    return Button("incident.resolve", "Resolve", f"{incident_id}:asked", confirm=text)


def _menu(view: IncidentView) -> tuple[Button, ...]:
    """What is needed less often; the thread says what a choice did."""
    incident_id = view.incident.id
    named = (
        ("incident.lead", "Assign, roles, severity, note …"),
        ("incident.silence", "Silence …"),
        ("incident.merge", "Merge …"),
    )
    led = tuple(Button(action, label, incident_id) for action, label in named) if view.incident.open else ()
    over = not view.incident.open and not view.incident.part_of
    report = (Button("incident.report", "Report …", incident_id),) if over else ()
    return (*led, *report, *_feedback(view), *_channel(view))


def _channel(view: IncidentView) -> tuple[Button, ...]:
    """For a grave one that has none; it comes last, as a command does the same."""
    grave = view.incident.severity.rank <= Severity.HIGH.rank
    if not view.incident.open or not grave or (view.own_channel and view.own_channel.live):
        return ()
    return (Button("incident.channel", "Channel of its own", view.incident.id),)


def _feedback(view: IncidentView) -> tuple[Button, ...]:
    """One for each group of a watch whose alerts are here."""
    alone = len(view.lessen) == 1
    return tuple(
        Button(
            "alert.not_useful",
            "Not useful" if alone else f"Not useful: {alert.group}",
            f"{view.incident.id}:{alert.identity}",
        )
        for alert in view.lessen
    )
