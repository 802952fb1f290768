"""That a silence was made or ended early, as one Slack message."""

from bot.notify.card import SilenceCard
from bot.notify.slack.blocks import section
from bot.notify.slack.rendered import Rendered, rendered
from bot.notify.slack.text import inline_code, literal, one_line, when, who


def render_silence(card: SilenceCard, plain: bool = False) -> Rendered:
    icon, what = ("🔔", "Silence ended") if card.ended else ("🔕", "Silenced")
    text = one_line(f"{icon} {what}: {card.matchers}", 2000)
    until = "" if card.ended else f" until {when(card.ends_at)}"
    lines = [f"{icon} *{what}* {inline_code(card.matchers, 1000)}{until}, by {who(card.by)}"]
    lines += [literal(card.comment, 500)] if card.comment and not card.ended else []
    lines += [f"It matches {literal(card.holds_back, 500)}"] if card.holds_back else []
    lines += [] if card.ended else [f"`/incident unsilence {card.id}` ends it"]
    return rendered(text, [] if plain else [section("\n".join(lines))])
