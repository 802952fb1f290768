"""A question in free words, answered by rules and, where one is configured, by a language model beside them: the same
for every surface."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from bot.assistant.assistant import Asking, Spoken
from bot.notify.plain_text import shortened
from bot.questions.answering import answer, question_of
from bot.questions.question import Answer, Knowledge, Line, Question, Situation, all_questions, suggested
from detectors.logs.secrets import mask_secrets

MOST_FURTHER = 5
AskModel = Callable[[Asking, str], Awaitable[Spoken]]
"""Lets the model answer something about a correlation domain. Raises Unanswered, StorageUnavailable."""


class Given(NamedTuple):
    """``further`` are questions that fit, where what was asked is none that is known."""

    answer: Answer
    further: Sequence[Question] = ()


async def by_rules(knowledge: Knowledge, situation: Situation, text: str, chosen: Question | None = None) -> Given:
    """The answer that needs no model. Raises StorageUnavailable."""
    question = chosen or question_of(text)
    if question is None:
        return Given(_not_understood(situation, text), suggested(situation, MOST_FURTHER))
    return Given(await answer(knowledge, situation, question, text))


async def by_model(ask: AskModel, knowledge: Knowledge, situation: Situation, text: str, given: Answer) -> Spoken:
    """What the model adds: it is given what is known without it, without secrets. Raises Unanswered,
    StorageUnavailable."""
    standing = await answer(knowledge, situation, all_questions()["status"])
    known = f"{standing.text}\n{given.text if given.asked and given.asked != standing.asked else ''}"
    names = {*situation.around, *situation.topology.described}
    masked = "\n".join(map(mask_secrets, known.strip().splitlines()))
    return await ask(Asking(mask_secrets(text), masked, names), situation.incident.domain)


def _not_understood(situation: Situation, text: str) -> Answer:
    labels = [one.label for one in all_questions().values() if one.fits(situation)]
    says = f"I have no answer to “{shortened(text, 200)}”." if text.strip() else "Ask me about this incident."
    return Answer(f"{says} I can answer questions like these:", [Line(label) for label in labels])
