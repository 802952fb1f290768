"""A question about an incident in free words, answered as in its thread."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.assistant.answering import AskModel, Given, by_model, by_rules
from bot.assistant.chat import Unanswered
from bot.domain.access.scope import Scope
from bot.domain.event import Chart
from bot.questions.answering import load
from bot.questions.question import Situation
from handlers.api.found import incident_of
from handlers.api.operation import Answer, Call, NoQuery, operation

_MOST_QUESTION = 1000


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    question: Annotated[str, Meta(min_length=1, max_length=_MOST_QUESTION)]
    model: Annotated[bool, Meta(description="Ask the language model too, where `assistant` names one.")] = True


class EvidenceShape(msgspec.Struct, frozen=True):
    text: str
    at: datetime | None
    people: Annotated[list[str], Meta(description="Ids of users and groups in Slack.")]
    url: str


class AnswerChartShape(msgspec.Struct, frozen=True):
    """Lines over time: ``x`` is in milliseconds since 1970, null in a line where there was no value."""

    title: str
    unit: str
    x: list[int]
    lines: dict[str, list[float | None]]


class SuggestionShape(msgspec.Struct, frozen=True):
    name: str
    question: str


class SentenceShape(msgspec.Struct, frozen=True):
    text: str
    cites: Annotated[list[str], Meta(description="Its evidence: names in `sources`.")]


class ByModelShape(msgspec.Struct, frozen=True):
    """What a language model added: sentences whose names and numbers stand in what they cite."""

    sentences: list[SentenceShape]
    sources: Annotated[dict[str, str], Meta(description="The tool that found each piece of evidence.")]
    left_out: Annotated[int, Meta(description="Sentences that did not stand in their evidence.")]
    problem: Annotated[str | None, Meta(description="Why it added nothing.")]


class AnswerShape(msgspec.Struct, frozen=True):
    answer: str
    asked: Annotated[str | None, Meta(description="Which question was understood; null is none that is known.")]
    evidence: list[EvidenceShape]
    chart: AnswerChartShape | None
    suggestions: Annotated[list[SuggestionShape], Meta(description="Where it was not understood: what can be asked.")]
    model: Annotated[ByModelShape | None, Meta(description="null where none was asked.")]


@operation(
    "POST",
    "/api/incidents/{id}/ask",
    Scope.INCIDENTS_READ,
    summary="Ask a question about it in free words; answered from evidence, as in its thread",
    body=Question,
    example={"question": "what changed?"},
    answer=AnswerShape,
)
async def ask(call: Call[NoQuery, Question]) -> Answer:
    incident, text = await incident_of(call), call.body.question
    situation = await load(call.backend.known, incident, call.now)
    given = await by_rules(call.backend.known, situation, text)
    model = call.backend.ask_model if call.body.model and text.strip() else None
    return Answer(_shape(given, await _added(call, model, situation, given) if model else None))


async def _added(call: Call[NoQuery, Question], ask: AskModel, situation: Situation, given: Given) -> ByModelShape:
    try:
        spoken = await by_model(ask, call.backend.known, situation, call.body.question, given.answer)
    except Unanswered as error:
        return ByModelShape([], {}, 0, str(error))
    sentences = [SentenceShape(one.text, list(one.cites)) for one in spoken.checked.kept]
    return ByModelShape(sentences, dict(spoken.sources), len(spoken.checked.dropped), None)


def _shape(given: Given, model: ByModelShape | None) -> AnswerShape:
    answer = given.answer
    says, lines = answer.says, answer.lines
    if not answer.asked and model and model.sentences:  # what no rule understands, the model alone answers
        says, lines = " ".join(one.text for one in model.sentences), ()
    return AnswerShape(
        says,
        answer.asked or None,
        [EvidenceShape(one.text, one.at, list(one.people), one.url) for one in lines] if answer.asked else [],
        _chart(answer.chart) if answer.chart else None,
        [SuggestionShape(one.name, one.label) for one in given.further],
        model,
    )


def _chart(chart: Chart) -> AnswerChartShape:
    return AnswerChartShape(chart.title, chart.unit, [int(x) for x in chart.x], chart.lines)
