"""A question that was suggested."""

from bot.errors import NotFound
from bot.incidents.change import UNKNOWN
from bot.incidents.permissions import Action, require
from bot.questions.answering import question_named
from bot.storage.queries import incidents
from handlers.slack.calls import Click
from handlers.slack.mentioned.ask import answered
from handlers.slack.registry import action
from handlers.slack.reply import Reply


@action("ask.")
async def ask(click: Click) -> Reply:
    incident_id, _, name = click.value.partition(":")
    async with click.database.read() as connection:
        incident = await incidents.by_id(connection, incident_id)
    question = question_named(name)
    if incident is None or question is None:
        raise NotFound(UNKNOWN)
    require(click.who, Action.ASK, incident)
    return await answered(click, incident, question.label, question)
