"""An answer to a question as a message: everything from outside escaped, with questions to ask next as buttons."""

from collections.abc import Sequence

from bot.notify.card import Button
from bot.notify.slack.blocks import actions, packed, section
from bot.notify.slack.text import link, literal, one_line, when, who
from bot.questions.question import Answer, Line, Question
from handlers.slack.reply import Reply

MOST_BUTTONS = 5
_MOST_LINE, _MOST_SAID, _MOST_TEXT = 700, 1500, 2900


def reply_of(answer: Answer, incident_id: str = "", further: Sequence[Question] = ()) -> Reply:
    """The message. Who it is about is mentioned by an edit alone, which calls nobody."""
    quiet = _made(answer, incident_id, further, mention=False)
    people = any(line.people for line in answer.lines)
    named = _made(answer, incident_id, further, mention=True) if people else None
    return Reply(quiet.text, quiet.blocks, answer.chart, named)


def _made(answer: Answer, incident_id: str, further: Sequence[Question], mention: bool) -> Reply:
    lines = [f"• {_line(line, mention)}" for line in answer.lines]
    blocks = [section(f"*{literal(answer.says, _MOST_SAID)}*"), *(section(text) for text in packed(lines))]
    if further:
        buttons = [Button(f"ask.{one.name}", one.label, f"{incident_id}:{one.name}") for one in further[:MOST_BUTTONS]]
        blocks.append(actions("ask", buttons))
    text = "\n".join([one_line(answer.says, _MOST_SAID), *lines])
    return Reply(text if len(text) <= _MOST_TEXT else one_line(text, _MOST_TEXT), [block.to_dict() for block in blocks])


def _line(line: Line, mention: bool) -> str:
    people = [who(one) if mention else "…" for one in line.people]
    parts = [
        when(line.at) if line.at else "",
        *([", ".join(people)] if people and not line.text.endswith(":") else []),
        literal(line.text, _MOST_LINE),
        *([", ".join(people)] if people and line.text.endswith(":") else []),
        link(line.url, "Source"),
    ]
    return " ".join(filter(None, parts))
