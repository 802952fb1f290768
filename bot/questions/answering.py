"""From a question in free words to its answer."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.change import domains_that_count
from bot.domain.incident import Incident, most_important
from bot.questions.question import Answer, Asked, Knowledge, Question, Situation, all_questions
from bot.questions.understanding import measure_in, services_in, span_in, understood
from bot.storage.queries import alerts, learnt_edges

MOST_TEXT = 1000


async def load(knowledge: Knowledge, incident: Incident, now: datetime) -> Situation:
    """What is known of an incident now. Raises StorageUnavailable."""
    async with knowledge.database.read() as connection:
        return await load_from(connection, knowledge, incident, now)


async def load_from(connection: AsyncConnection, knowledge: Knowledge, incident: Incident, now: datetime) -> Situation:
    tallies = most_important((await alerts.tallies_of(connection, [incident.id]))[incident.id])
    names = {*incident.services, *(cause.service for cause in incident.causes)}
    learnt = await learnt_edges.learnt_edges(connection, {incident.domain}, names, now)
    domains = domains_that_count(incident.domain, knowledge.rules.correlation.partition_by)
    return Situation(incident, tallies, knowledge.topology.joined(learnt), domains, now, knowledge.rules)


def question_of(text: str) -> Question | None:
    """Which question a text asks; None where it is none that is known."""
    return understood(text[:MOST_TEXT])


async def answer(knowledge: Knowledge, situation: Situation, question: Question, text: str = "") -> Answer:
    """What a question is answered with. Raises StorageUnavailable."""
    known = {*situation.around, *situation.topology.described, *(tally.service for tally in situation.tallies)}
    text = text[:MOST_TEXT]
    asked = Asked(knowledge, situation, text, services_in(text, known), span_in(text), measure_in(text))
    given = await question.work(asked)
    return Answer(given.says, given.lines, given.chart, question.name)


def question_named(name: str) -> Question | None:
    return all_questions().get(name)
