"""What was found out about an incident, as a reply in its thread."""

from bot.notify.findings.findings_card import FindingLine, FindingsCard
from bot.notify.slack.blocks import context, packed, section
from bot.notify.slack.rendered import Rendered, rendered
from bot.notify.slack.text import literal, one_line, when

_MOST_LINE = 500


def render_findings(card: FindingsCard, plain: bool = False) -> Rendered:
    title = "Looked into it" if card.lines else "Looked into it: nothing of what was found holds any more"
    text = one_line(f"🔎 {title}: {'; '.join(line.text for line in card.lines)}", 2900)
    if plain:
        return Rendered(text, [])
    blocks = [section(part) for part in packed([f"🔎 *{title}*", *map(_line, card.lines)])]
    times = f", {card.rounds} times" if card.rounds > 1 else ""
    return rendered(text, [*blocks, context(f"Checked {when(card.at)}{times} · edited when more is known")])


def _line(line: FindingLine) -> str:
    icon = "⬆️" if line.bears else "⬇️" if line.against else "•"
    return f"{icon} {literal(line.text, _MOST_LINE)}"
