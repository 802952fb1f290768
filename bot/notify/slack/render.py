"""An incident as one Slack message: valid Block Kit whatever is in it, and a plain text that says the same.

https://docs.slack.dev/reference/block-kit/blocks
"""

from collections.abc import Iterator, Sequence

from slack_sdk.models.blocks import Block

from bot.domain.duration import format_duration
from bot.domain.incident import Incident, IncidentStatus
from bot.domain.severity import Severity
from bot.notify.card import AlertLine, Alerts, ByHand, Ended, IncidentCard, LikelyCause, Link, ShownIn
from bot.notify.plain_text import is_blank
from bot.notify.slack.blocks import actions, context, header, packed, section
from bot.notify.slack.render_run import MAX_PEOPLE, run_blocks
from bot.notify.slack.rendered import Rendered, rendered
from bot.notify.slack.text import channel_link, length, link, literal, mentions, one_line, when, who

SEVERITY_ICON = {Severity.CRITICAL: "🔴", Severity.HIGH: "🟠", Severity.WARNING: "🟡", Severity.INFO: "🔵"}
_STATUS_ICON = {IncidentStatus.ACKNOWLEDGED: "👀", IncidentStatus.RESOLVED: "✅"}
MAX_ON_CALL = 3
_MAX_LINKS, _MAX_LINKED = 2, 2200
_MAX_INSTANCES = 480
"""Characters of all instances that a message names; the thread has them all."""


def render(card: IncidentCard) -> Rendered:
    """From the top: what it is and how it stands, why, what can be done, and then all that fires."""
    blocks = [header(one_line(headline(card), 150)), facts(card)]
    if card.mentioned:
        blocks.append(section(f"📣 {mentions(card.mentioned)}"))
    if card.elsewhere.left:
        blocks.append(section(f"➡️ *It goes on in {_places(card.elsewhere.shown)}*: its route leads there now."))
    if card.part_of:
        number = f"incident #{card.part_of.number}"
        blocks.append(section(f"↪️ Part of {link(card.part_of.url, number) or number}: what happens goes on there."))
    if card.ended:
        blocks.append(section(outcome(card.ended)))
    if card.rewritten:  # what it was made from follows as it is
        blocks.append(section(f"_{literal(card.rewritten, 1000)}_"))
    if card.cause:
        blocks.append(likely_cause(card.cause, card.open))
    if card.alerts:
        blocks += [section(text) for text in packed(_alerts(card.alerts, card.open))]
    if shown := links(card.links):
        blocks.append(context(" · ".join(shown)))
    if card.seen_before:
        blocks.append(section("\n".join(["*Seen before*", *(f"🕘 {literal(past, 600)}" for past in card.seen_before)])))
    for run in card.runs:
        blocks += run_blocks(run)
    if card.buttons or card.menu:
        blocks.append(actions("incident", card.buttons, card.menu))
    if card.behind:
        blocks.append(context(f"⏳ {card.behind}"))
    blocks.append(_footer(card))
    return rendered(fallback_text(card), blocks)


def plain(card: IncidentCard) -> Rendered:
    """The message without blocks, for the day Slack refuses what :func:`render` made."""
    return Rendered(" ".join(filter(None, (fallback_text(card), mentions(card.mentioned)))), [])


def headline(shown: Incident | IncidentCard) -> str:
    """Number and title with the icon of the state, unescaped."""
    icon = _STATUS_ICON.get(shown.status, SEVERITY_ICON[shown.severity])
    title = "incident" if is_blank(shown.title) else shown.title
    return f"{icon} #{shown.number} {title}"


def fallback_text(card: IncidentCard) -> str:
    """The message without blocks: what happened, how bad, in which state."""
    return one_line(f"{headline(card)} — {card.status}, {card.severity}. {card.text}", 2900)


def facts(card: IncidentCard) -> Block:
    """Two lines rather than fields, which a telephone shows one below the other."""
    severity = f"{SEVERITY_ICON[card.severity]} {card.severity}{_set_by(card.by_hand)}"
    known = [f"*{_status(card)}*", severity, f"since {when(card.since)}"]
    if card.open and not card.owner:
        known.append("nobody has it yet")
    if card.on_call and card.open:
        known.append(f"on call: {', '.join(who(one) for one in card.on_call[:MAX_ON_CALL])}")
    lines = [" · ".join(known)]
    if card.services:
        more = f" and {card.more_services} more" if card.more_services else ""
        lines.append(f"Affected: {', '.join(literal(service, 120) for service in card.services)}{more}")
    if beside := list(_beside(card)):
        lines.append(" · ".join(beside))
    if card.by_hand.kept_open_by:
        lines.append(f"Opened by {who(card.by_hand.kept_open_by)}: stays open until somebody resolves it")
    return section("\n".join(lines))


def _beside(card: IncidentCard) -> Iterator[str]:
    """Who has a role in it, when they say more, and what was made beside it."""
    roles = (("Lead", card.by_hand.lead), ("Scribe", card.by_hand.scribe))
    yield from (f"{role}: {who(person)}" for role, person in roles if person)
    if card.by_hand.next_update_at:
        yield f"Next update by {when(card.by_hand.next_update_at)}"
    if card.own_channel:
        yield f"Channel: {channel_link(card.own_channel)}"
    if card.ticket and (made := link(card.ticket.url, card.ticket.label)):
        yield f"Ticket: {made}"


def _set_by(by_hand: ByHand) -> str:
    """Who set the severity, and what the alerts say instead."""
    if not by_hand.severity_by:
        return ""
    said = f", the alerts say {by_hand.alerts_severity}" if by_hand.alerts_severity else ""
    return f" (set by {who(by_hand.severity_by)}{said})"


def _status(card: IncidentCard) -> str:
    """Who acknowledged it, and who owns it, stays when it is over."""
    acknowledged_by = card.by_hand.acknowledged_by or card.owner
    owned = f"👀 acknowledged by {who(acknowledged_by)}" if acknowledged_by else ""
    if card.owner and card.owner != acknowledged_by:
        owned += f", owned by {who(card.owner)}"
    if card.status is IncidentStatus.ACKNOWLEDGED and owned:
        return owned
    if card.status is IncidentStatus.TRIGGERED and card.owner:
        return f"🚨 triggered, assigned to {who(card.owner)}"
    if card.status is IncidentStatus.RESOLVED:
        by = f" by {who(card.resolved_by)}" if card.resolved_by else ""
        ended = f"✅ resolved{by}" + (f" after {format_duration(card.lasted)}" if card.lasted is not None else "")
        return f"{ended} · {owned}" if owned else ended
    return f"🚨 {card.status}"


def outcome(ended: Ended) -> str:
    approved = f", approved by {', '.join(who(one) for one in ended.by[:MAX_PEOPLE])}" if ended.by else ""
    disturbed = f" · people were disturbed for {format_duration(ended.disturbed)}" if ended.disturbed else ""
    return f"🏁 *{literal(ended.how, 300)}*{approved}{disturbed}"


def _alerts(alerts: Alerts, is_open: bool) -> list[str]:
    what = "What fires" if alerts.firing else "What fired"
    lines = [f"*{what}* · {alerts.count} alert{'s' if alerts.count != 1 else ''}"]
    room = _MAX_INSTANCES // max(len(alerts.lines), 1)
    lines += [alert_line(line, room) for line in alerts.lines]
    if alerts.more_kinds:
        lines.append(f"… and {alerts.more_alerts} more alerts of {alerts.more_kinds} other kinds")
    if alerts.folded:
        lines.append(f"• 🔕 {literal(alerts.folded, 600)}")
    if alerts.left_out:
        unknown = "" if is_open else ", and of which it does not say whether they have ended"
        lines.append(f"… and {alerts.left_out} more that the sender left out of its notification{unknown}")
    return lines


def alert_line(line: AlertLine, room: int) -> str:
    """What it says comes first, and by which name the tools know it after that."""
    says = f"{literal(line.says, 250)} · " if line.says else ""
    times = f" ×{line.count}" if line.count > 1 else ""
    where = f" on {literal(line.service, 100)}" if line.service else ""
    state = " · flapping" if line.flapping else ""
    more = f" and {line.count - len(line.instances)} more" if line.count > len(line.instances) else ""
    which = f": {literal(', '.join(line.instances), room)}{more}" if line.instances else ""
    return f"• {SEVERITY_ICON[line.severity]} {says}*{literal(line.name, 120)}*{where}{times}{state}{which}"


def links(known: Sequence[Link]) -> list[str]:
    """The first ones, of which those that do not fit are named: the thread has them whole."""
    room = _MAX_LINKED
    shown: list[str] = []
    for one in known:
        made = link(one.url, one.label)
        if made and len(shown) < _MAX_LINKS:
            room -= length(made)
            shown.append(made if room >= 0 else f"{one.label}: in the thread")
    return shown


def likely_cause(cause: LikelyCause, is_open: bool) -> Block:
    title = "Likely cause" if is_open else "Likely cause was"
    lines = [f"🔍 *{title}: {literal(cause.phrase, 300)}*"]
    lines += [f"• {literal(evidence, 500)}" for evidence in cause.evidence]
    return section("\n".join(lines))


def _places(shown: Sequence[ShownIn]) -> str:
    """Other channels, each with a link to the message there, if that has an address."""
    return ", ".join(
        channel_link(one.channel) + (f" ({made})" if (made := link(one.url, "message")) else "") for one in shown
    )


def _footer(card: IncidentCard) -> Block:
    where = f" · {literal(card.domain, 100)}" if card.domain.strip("/") else ""
    elsewhere = () if card.elsewhere.left else card.elsewhere.shown
    thread = [one for one in elsewhere if one.thread]
    details = f"details in the thread in {_places(thread)}" if thread else "details in the thread"
    others = [one for one in elsewhere if not one.thread]
    also = f" · also in {_places(others)}" if others else ""
    return context(f"Incident #{card.number}{where} · changed {when(card.changed_at)} · {details}{also}")
