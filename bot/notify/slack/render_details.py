"""One incident in detail, and many in a list, as answers for the person who asks."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block, DividerBlock

from bot.domain.incident import TimelineEntry
from bot.notify.card import AlertLine, IncidentCard
from bot.notify.slack import render
from bot.notify.slack.blocks import context, header, packed, section
from bot.notify.slack.rendered import Rendered, rendered
from bot.notify.slack.text import clock, link, literal, one_line, who

_ROOM = 250
_MOST_BLOCKS = 48


def render_details(
    card: IncidentCard,
    firing: Sequence[AlertLine],
    ended: Sequence[AlertLine],
    timeline: Sequence[TimelineEntry],
    url: str,
) -> Rendered:
    """What fires and what has ended stand apart."""
    blocks = [header(one_line(render.headline(card), 150)), render.facts(card)]
    blocks += [section(render.outcome(card.ended))] if card.ended else []
    blocks += [section(literal(card.text, 1000))] if card.text.strip() else []
    blocks += [render.likely_cause(card.cause, card.open)] if card.cause else []
    blocks += _alerts("🔥 *Firing*", firing) + _alerts("✅ *Ended*", ended)
    blocks += [DividerBlock()] if timeline else []
    blocks += [section(text) for text in packed([_entry(entry) for entry in timeline])]
    where = [*filter(None, [link(url, "Message and thread")]), *render.links(card.links)]
    blocks += [context(" · ".join(where))] if where else []
    return rendered(render.fallback_text(card), blocks)


def render_list(groups: Sequence[tuple[str, Sequence[str]]], notes: Sequence[str]) -> Rendered:
    """Incidents a line each, below the name of their group; ``notes`` come last."""
    blocks: list[Block] = []
    for name, lines in groups:
        blocks += [section(f"*{name}*"), *(section(line) for line in lines)] if lines else []
    blocks = blocks[:_MOST_BLOCKS] + [context(note) for note in notes]
    return rendered("\n".join([*(line for _, lines in groups for line in lines), *notes]), blocks)


def _alerts(title: str, lines: Sequence[AlertLine]) -> list[Block]:
    if not lines:
        return []
    count = sum(line.count for line in lines)
    return [section(text) for text in packed([f"{title} · {count}", *(render.alert_line(one, _ROOM) for one in lines)])]


def _entry(entry: TimelineEntry) -> str:
    by = f" — {who(entry.actor)}" if entry.actor else ""
    return f"{clock(entry.at)} {literal(entry.text, 300)}{by}"
