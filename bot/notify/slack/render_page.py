"""Somebody is called to an incident: a mention, what it is about, and buttons."""

from bot.notify.paging.page_card import PageCard
from bot.notify.slack.blocks import actions, section
from bot.notify.slack.rendered import Rendered, rendered
from bot.notify.slack.text import link, literal, one_line, who

_MAX_NOTES = 10


def render_page(card: PageCard, plain: bool = False) -> Rendered:
    """The mention stands in the text, too: that is what Slack notifies by."""
    mentions = " ".join(map(who, card.people))
    about = f"*{literal(card.title, 300)}* ({card.severity})" if card.title else ""
    where = link(card.url, f"#{card.number}") if card.url else ""
    said = " · ".join(filter(None, (literal(card.text, 500), where)))
    lines = [f"🔔 {mentions} {about}".strip(), said, *(f"• {literal(note, 300)}" for note in card.notes[:_MAX_NOTES])]
    text = " ".join(filter(None, (mentions, one_line(f"{card.title}: {card.text}" if card.title else card.text, 2000))))
    if plain:
        return rendered(text, [])
    return rendered(
        text, [section("\n".join(filter(None, lines))), *([actions("page", card.buttons)] if card.buttons else [])]
    )
