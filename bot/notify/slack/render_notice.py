"""A notice about Tandem itself, as one Slack message."""

from bot.notify.card import Notice
from bot.notify.slack.blocks import section
from bot.notify.slack.rendered import Rendered, rendered
from bot.notify.slack.text import literal, one_line, when

_MAX_REASON = 300


def render_notice(notice: Notice, plain: bool = False) -> Rendered:
    icon = "✅" if notice.over else "🚨"
    reasons = "" if notice.over else f": {'; '.join(notice.reasons)}"
    text = one_line(f"{icon} {notice.title}{reasons}", 2000)
    begun = f" · {when(notice.since)}" if notice.since else ""
    lines = [f"{icon} *{notice.title}*{begun}", *(f"• {literal(reason, _MAX_REASON)}" for reason in notice.reasons)]
    return rendered(text, [] if plain else [section("\n".join(lines))])
