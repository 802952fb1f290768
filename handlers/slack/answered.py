"""An answer to a question as a message: everything from outside escaped, with questions to ask next as buttons."""

from collections.abc import Sequence
from typing import NamedTuple

from bot.assistant.answering import MOST_FURTHER
from bot.assistant.assistant import Spoken
from bot.notify.card import Button
from bot.notify.slack.blocks import actions, context, packed, section
from bot.notify.slack.text import inline_code, link, literal, one_line, when, who
from bot.questions.question import Answer, Line, Question
from handlers.slack.reply import Reply

_MOST_LINE, _MOST_SAID, _MOST_TEXT = 700, 1500, 2900


def reply_of(
    answer: Answer, incident_id: str = "", further: Sequence[Question] = (), model: "ByModel | None" = None
) -> Reply:
    """The message. Who it is about is mentioned by an edit alone, which calls nobody. ``model`` is what a language
    model adds."""
    quiet = _made(answer, incident_id, further, model, mention=False)
    people = any(line.people for line in answer.lines)
    named = _made(answer, incident_id, further, model, mention=True) if people else None
    return Reply(quiet.text, quiet.blocks, answer.chart, named)


class ByModel(NamedTuple):
    """What a language model said, as far as it stood the check; ``note`` is what is to be known of that."""

    note: str
    spoken: Spoken | None = None


def _made(answer: Answer, incident_id: str, further: Sequence[Question], model: ByModel | None, mention: bool) -> Reply:
    lines = [f"• {_line(line, mention)}" for line in answer.lines]
    blocks = [section(f"*{literal(answer.says, _MOST_SAID)}*"), *(section(text) for text in packed(lines))]
    added = _spoken(model.spoken) if model and model.spoken else []
    blocks += [section(text) for text in packed(added)]
    if model:
        blocks.append(context(literal(model.note, 600)))
    if further:
        buttons = [Button(f"ask.{one.name}", one.label, f"{incident_id}:{one.name}") for one in further[:MOST_FURTHER]]
        blocks.append(actions("ask", buttons))
    note = [literal(model.note, 600)] if model else []
    text = "\n".join([one_line(answer.says, _MOST_SAID), *lines, *added, *note])
    return Reply(text if len(text) <= _MOST_TEXT else one_line(text, _MOST_TEXT), [block.to_dict() for block in blocks])


def _spoken(spoken: Spoken) -> list[str]:
    """Each sentence with its evidence, and where that is from."""
    lines = [
        f"🤖 {literal(one.text, _MOST_LINE)}{f' [{chr(44).join(one.cites)}]' if one.cites else ''}"
        for one in spoken.checked.kept
    ]
    sources = "; ".join(f"{name}: {inline_code(source, 60)}" for name, source in sorted(spoken.sources.items()))
    return [*lines, sources] if sources else lines


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
