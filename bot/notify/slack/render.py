"""An incident as one Slack message: valid Block Kit whatever is in it, and a plain text that says the same.

https://docs.slack.dev/reference/block-kit/blocks
"""

from datetime import timedelta
from typing import NamedTuple

from bot.domain.duration import format_duration
from bot.domain.incident import Incident, IncidentStatus, Tally
from bot.domain.inhibition import in_words
from bot.domain.severity import Severity
from bot.notify.slack.blocks import Block, button, mrkdwn, section
from bot.notify.slack.render_run import run_blocks, runs_to_show
from bot.notify.slack.text import is_blank, link, literal, one_line, when, who
from bot.notify.slack.view import IncidentView

MAX_KINDS = 8
SUMMARY_KEYS = ("summary", "description", "message")
SEVERITY_ICON = {Severity.CRITICAL: "🔴", Severity.HIGH: "🟠", Severity.WARNING: "🟡", Severity.INFO: "🔵"}
_STATUS_ICON = {IncidentStatus.ACKNOWLEDGED: "👀", IncidentStatus.RESOLVED: "✅"}


class Rendered(NamedTuple):
    """``text`` is what notifications and screen readers get."""

    text: str
    blocks: list[Block]


def render(view: IncidentView) -> Rendered:
    incident = view.incident
    blocks = [_header(incident), _facts(incident), *_rewritten(view), *_example(view)]
    if view.tallies:
        blocks.append(_alerts(view))
    if incident.causes:
        blocks.append(_cause(incident))
    if incident.open and incident.past:
        blocks.append(_seen_before(view))
    for run in runs_to_show(view.runs):
        blocks += run_blocks(run, view)
    if incident.open:
        blocks.append(_lifecycle_buttons(incident))
    if view.lessen:
        blocks.append(_feedback_buttons(view))
    if view.behind is not None and view.says_behind:
        blocks.append({"type": "context", "elements": [mrkdwn(f"⏳ {behind_in_words(view.behind)}")]})
    blocks.append(_footer(incident))
    return Rendered(fallback_text(view), blocks)


def headline(incident: Incident) -> str:
    """Number and title with the icon of the state, unescaped."""
    icon = _STATUS_ICON.get(incident.status, SEVERITY_ICON[incident.severity])
    title = "incident" if is_blank(incident.title) else incident.title
    return f"{icon} #{incident.number} {title}"


def fallback_text(view: IncidentView) -> str:
    """The message without blocks: what happened, how bad, in which state."""
    incident = view.incident
    said = f"{headline(incident)} — {incident.status}, {incident.severity}. {view.rewritten or incident.summary}"
    return one_line(said, 2900)


def _header(incident: Incident) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": one_line(headline(incident), 150), "emoji": True}}


def _facts(incident: Incident) -> Block:
    """Two lines rather than fields, which a telephone shows one below the other."""
    severity = f"{SEVERITY_ICON[incident.severity]} {incident.severity}"
    lines = [f"*{_status(incident)}* · {severity} · since {when(incident.opened_at)}"]
    if incident.services:
        more = f" and {len(incident.services) - 5} more" if len(incident.services) > 5 else ""
        lines.append(f"Affected: {', '.join(literal(service, 120) for service in incident.services[:5])}{more}")
    return section("\n".join(lines))


def _rewritten(view: IncidentView) -> list[Block]:
    """In a language model's words; what it was made from follows as it is."""
    return [section(f"_{literal(view.rewritten, 1000)}_")] if view.rewritten else []


def behind_in_words(behind: timedelta) -> str:
    """That what is shown is not the newest.

    >>> behind_in_words(timedelta(seconds=200))
    'Tandem is 3 min behind: newer alerts are still coming in'
    """
    minutes = max(1, round(behind.total_seconds() / 60))
    said = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
    return f"Tandem is {said} behind: newer alerts are still coming in"


def _status(incident: Incident) -> str:
    if incident.status is IncidentStatus.ACKNOWLEDGED and incident.acknowledged_by:
        return f"👀 acknowledged by {who(incident.acknowledged_by)}"
    if incident.status is IncidentStatus.RESOLVED:
        by = f" by {who(incident.resolved_by)}" if incident.resolved_by else ""
        lasted = incident.lasted(incident.resolved_at) if incident.resolved_at else None
        return f"✅ resolved{by}" + (f" after {format_duration(lasted)}" if lasted is not None else "")
    return f"🚨 {incident.status}"


def _alerts(view: IncidentView) -> Block:
    shown = view.shown
    count = sum(tally.alerts for tally in (view.active if view.incident.open and view.active else view.tallies))
    what = "What fires" if view.incident.open and view.active else "What fired"
    lines = [f"*{what}* · {count} alert{'s' if count != 1 else ''}"]
    lines += [_line(tally) for tally in shown[:MAX_KINDS]]
    hidden = shown[MAX_KINDS:]
    if hidden:
        lines.append(f"… and {sum(tally.alerts for tally in hidden)} more alerts of {len(hidden)} other kinds")
    if view.incident.inhibited:
        lines.append(f"• 🔕 {literal(in_words(view.incident.inhibited), 600)}")
    if view.incident.truncated:
        unknown = "" if view.incident.open else ", and of which it does not say whether they have ended"
        lines.append(f"… and {view.incident.truncated} more that the sender left out of its notification{unknown}")
    return section("\n".join(lines))


def _line(tally: Tally) -> str:
    times = f" ×{tally.alerts}" if tally.alerts > 1 else ""
    where = f" on {literal(tally.service, 100)}" if tally.service else ""
    state = " · flapping" if tally.flapping else ""
    return f"• {SEVERITY_ICON[tally.severity]} *{literal(tally.name, 120)}*{where}{times}{state}"


def _example(view: IncidentView) -> list[Block]:
    """What the alert in the title says of itself, and where it leads."""
    if view.example is None:
        return []
    notes = view.example.annotations
    said = next((notes[key] for key in SUMMARY_KEYS if notes.get(key) and not is_blank(notes[key])), "")
    links = [
        link(notes.get("runbook_url", ""), "Runbook"),
        link(notes.get("dashboard_url", ""), "Dashboard"),
        link(view.example.link, "Source"),
    ]
    found = [made for made in links if made and len(made) < 600][:2]
    lines = ([f"> {literal(said, 600)}"] if said else []) + (["> " + " · ".join(found)] if found else [])
    return [section("\n".join(lines))] if lines else []


def _cause(incident: Incident) -> Block:
    first = incident.causes[0]
    title = "Likely cause" if incident.open else "Likely cause was"
    lines = [f"🔍 *{title}: {literal(first.phrase, 300)}*"]
    lines += [f"• {literal(evidence, 500)}" for evidence in first.evidence[:4]]
    return section("\n".join(lines))


def _seen_before(view: IncidentView) -> Block:
    lines = [f"🕘 {literal(past.in_words(view.now), 600)}" for past in view.incident.past[:3]]
    return section("*Seen before*\n" + "\n".join(lines))


def _lifecycle_buttons(incident: Incident) -> Block:
    buttons = [button("incident.resolve", "Resolve", incident.id)]
    if incident.status is IncidentStatus.TRIGGERED:
        buttons.insert(0, button("incident.ack", "Acknowledge", incident.id))
    return {"type": "actions", "block_id": "incident", "elements": buttons}


def _feedback_buttons(view: IncidentView) -> Block:
    """One for each group of a watch whose alerts are here; what it does is said in the thread."""
    buttons = []
    for n, alert in enumerate(view.lessen):
        label = "Not useful" if len(view.lessen) == 1 else one_line(f"Not useful: {alert.group}", 75)
        action = "alert.not_useful" + (f".{n}" if n else "")
        buttons.append(button(action, label, f"{view.incident.id}:{alert.identity}"))
    return {"type": "actions", "block_id": "feedback", "elements": buttons}


def _footer(incident: Incident) -> Block:
    where = f" · {literal(incident.domain, 100)}" if incident.domain.strip("/") else ""
    text = f"Incident #{incident.number}{where} · changed {when(incident.changed_at)} · details in the thread"
    return {"type": "context", "elements": [mrkdwn(text)]}


def plain(view: IncidentView) -> Rendered:
    """The message without blocks, for the day Slack refuses what :func:`render` made."""
    return Rendered(fallback_text(view), [])
