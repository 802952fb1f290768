"""The thread under an incident's message: its timeline, and once what the alerts say in detail."""

from collections.abc import Sequence

from bot.domain.alert import Alert
from bot.domain.incident import TimelineEntry, TimelineKind
from bot.notify.slack.blocks import section
from bot.notify.slack.render import SUMMARY_KEYS, Rendered
from bot.notify.slack.text import clock, inline_code, is_blank, length, link, literal, one_line, who

MAX_ENTRIES = 40
MAX_DETAILED = 5
_SECTION = 2900
_ICON = {
    TimelineKind.OPENED: "🚨",
    TimelineKind.ALERTS: "🔔",
    TimelineKind.STATUS: "📍",
    TimelineKind.CAUSE: "🔍",
    TimelineKind.RUN: "🛠️",
    TimelineKind.NOTE: "📝",
}


def render_thread(entries: Sequence[TimelineEntry], detailed: Sequence[Alert]) -> Rendered:
    """Timeline entries, oldest first, and details of alerts after them."""
    lines = [_line(entry) for entry in entries]
    blocks = [section(text) for text in _packed(lines)] + [section(_details(alert)) for alert in detailed]
    return Rendered(one_line("; ".join(entry.text for entry in entries), 2900) or "Update", blocks)


def _line(entry: TimelineEntry) -> str:
    by = f" — {who(entry.actor)}" if entry.actor else ""
    return f"{_ICON[entry.kind]} {clock(entry.at)} {literal(entry.text, 1200)}{by}"


def _packed(lines: Sequence[str]) -> list[str]:
    """Lines joined into as few texts as Slack's limit allows."""
    texts: list[str] = []
    for line in lines:
        if texts and length(texts[-1]) + 1 + length(line) <= _SECTION:
            texts[-1] += f"\n{line}"
        else:
            texts.append(line)
    return texts


def _details(alert: Alert) -> str:
    """What the message does not say: the notes for people first, then the labels that the first line leaves out."""
    where = f" on {literal(alert.service, 120)}" if alert.service else ""
    lines = [f"*{literal(alert.name, 160)}*{where} · {alert.severity}, from {literal(alert.source, 60)}"]
    lines += _notes(alert)
    said = {alert.name, alert.service, alert.severity.value}
    labels = [f"{name}={value}" for name, value in sorted(alert.labels.items()) if value not in said]
    if labels:
        lines.append(inline_code(" ".join(labels), 1000))
    source = link(alert.link, "Source")
    if source and len(source) < 500:
        lines.append(source)
    return "\n".join(lines)


def _notes(alert: Alert) -> list[str]:
    """The summary and the like speak for themselves; other annotations are shown with their names."""
    notes = {name: text for name, text in alert.annotations.items() if not is_blank(text)}
    plain = [literal(notes[name], 400) for name in SUMMARY_KEYS if name in notes]
    others = sorted(notes.keys() - set(SUMMARY_KEYS))
    return [*plain, *(f"*{literal(name, 100)}*: {literal(notes[name], 400)}" for name in others)][:2]
