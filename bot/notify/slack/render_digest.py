"""The new incidents without a message of their own, as one Slack message."""

from datetime import UTC

from bot.notify.card import DigestCard
from bot.notify.slack.blocks import context, section
from bot.notify.slack.render import SEVERITY_ICON
from bot.notify.slack.rendered import Rendered, rendered
from bot.notify.slack.text import clock, literal

_MAX_TITLE = 180


def render_digest(card: DigestCard, plain: bool = False) -> Rendered:
    what = f"{card.waiting} more incident{'s' if card.waiting != 1 else ''} since"
    at = f"{card.since.astimezone(UTC):%H:%M} UTC"
    lines = [f"🌊 *{what} {clock(card.since)}*"]
    lines += [f"{SEVERITY_ICON[one.severity]} #{one.number} {literal(one.title, _MAX_TITLE)}" for one in card.first]
    hidden = card.waiting - len(card.first)
    lines += [f"… and {hidden} more: `/incident list`"] if hidden > 0 else []
    blocks = [section("\n".join(lines)), context(_footer(card))]
    return rendered(f"🌊 {what} {at}: /incident list names them", [] if plain else blocks)


def _footer(card: DigestCard) -> str:
    """What became of the others, and how those that wait come to messages of their own."""
    others = [f"{card.posted} got messages of their own"] if card.posted else []
    others += [f"{card.resolved} resolved before"] if card.resolved else []
    waiting = (
        "Too many came at once: the most severe and best attested have messages, the others get them when it is calm."
    )
    return " · ".join([*others, *([waiting] if card.waiting else [])]) or "None is left."
