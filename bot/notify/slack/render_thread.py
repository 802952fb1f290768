"""A reply in the thread under an incident's message."""

from collections.abc import Sequence

from bot.domain.incident import TimelineEntry, TimelineKind
from bot.notify.card import AlertDetails, Annotation, Instance, ThreadUpdate
from bot.notify.slack.blocks import packed, section
from bot.notify.slack.rendered import Rendered, rendered
from bot.notify.slack.text import clock, inline_code, length, link, literal, mentions, one_line, who

_MAX_OTHERS = 6000
_MOST_LINE, _MOST_NOTE = 1200, 2600
"""Characters of a line; what a person wrote is shown whole."""
_ICON = {
    TimelineKind.OPENED: "🚨",
    TimelineKind.ALERTS: "🔔",
    TimelineKind.STATUS: "📍",
    TimelineKind.CAUSE: "🔍",
    TimelineKind.RUN: "🛠️",
    TimelineKind.NOTE: "📝",
}


def render_thread(update: ThreadUpdate) -> Rendered:
    lines = [_line(entry) for entry in update.entries]
    if update.mentioned:
        lines.append(f"📣 {mentions(update.mentioned)}")
    texts = packed(lines)
    for alert in update.alerts:
        texts += packed([text for text in _details(alert) if text])
    blocks = [section(text) for text in [*texts, *packed(_others(update.others))]]
    return rendered(_fallback(update), blocks)


def render_plain_thread(update: ThreadUpdate) -> Rendered:
    """The reply without blocks, for the day Slack refuses what :func:`render_thread` made."""
    return Rendered(" ".join(filter(None, (_fallback(update), mentions(update.mentioned)))), [])


def _fallback(update: ThreadUpdate) -> str:
    return one_line("; ".join(entry.text for entry in update.entries), 2900) or "Update"


def _line(entry: TimelineEntry) -> str:
    by = f" — {who(entry.actor)}" if entry.actor else ""
    about = f"@{entry.person}" if entry.person else ""
    text = literal(entry.text.removesuffix(about), _MOST_NOTE if by else _MOST_LINE)
    whom = f" {who(entry.person)}" if entry.person else ""
    return f"{_ICON[entry.kind]} {clock(entry.at)} {text}{whom}{by}"


def _details(alert: AlertDetails) -> tuple[str, str]:
    """What is said of an alert, and its link, which may need a section of its own."""
    where = f" on {literal(alert.service, 120)}" if alert.service else ""
    lines = [f"*{literal(alert.name, 160)}*{where} · {alert.severity}, from {literal(alert.source, 60)}"]
    lines += [_annotation(annotation) for annotation in alert.annotations]
    if alert.labels:
        lines.append(inline_code(alert.labels, 1000))
    source = link(alert.link, "Source")
    return "\n".join(lines), source


def _others(others: Sequence[Instance]) -> list[str]:
    """A line an alert, as far as a message of Slack goes."""
    lines, room = [], _MAX_OTHERS
    for one in others:
        value = f": {literal(one.value, 100)}" if one.value else ""
        source = link(one.link, "Source")
        line = f"• {literal(one.name, 250)}{value}" + (f" · {source}" if source else "")
        room -= length(line)
        if room < 0:
            break
        lines.append(line)
    left = len(others) - len(lines)
    return [*lines, f"… and {left} more: `/incident show` and the API have them"] if left else lines


def _annotation(annotation: Annotation) -> str:
    text = literal(annotation.text, 400)
    return f"*{literal(annotation.name, 100)}*: {text}" if annotation.name else text
