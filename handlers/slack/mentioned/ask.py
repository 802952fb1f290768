"""Whatever else is written to the bot is a question about the incident of the thread."""

import re

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident
from bot.errors import Refused
from bot.incidents.permissions import Action, require
from bot.notify.plain_text import shortened
from bot.questions.answering import answer, load, question_of
from bot.questions.question import Answer, Line, Question, Situation, all_questions, suggested
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages
from handlers.slack.answered import MOST_BUTTONS, reply_of
from handlers.slack.calls import Deed, Mention
from handlers.slack.registry import ANYTHING, mention
from handlers.slack.reply import Reply

_NUMBER = re.compile(r"(?:#|\bincident\s+#?)(\d{1,12})\b", re.IGNORECASE)
_MOST_LISTED, _MOST_READ = 10, 50


@mention(ANYTHING)
async def ask(mention: Mention) -> Reply:
    incident = mention.incident or await _meant(mention)
    if incident is None:
        return await _which(mention)
    require(mention.who, Action.ASK, incident)
    return await answered(mention, incident, mention.text)


async def answered(deed: Deed, incident: Incident, text: str, chosen: Question | None = None) -> Reply:
    """The answer to what was typed, or to a question that was ``chosen``."""
    knowledge = deed.endpoint.known
    situation = await load(knowledge, incident, deed.now)
    question = chosen or question_of(text)
    if question is None:
        return reply_of(_not_understood(situation, text), incident.id, suggested(situation, MOST_BUTTONS))
    return reply_of(await answer(knowledge, situation, question, text))


def _not_understood(situation: Situation, text: str) -> Answer:
    labels = [one.label for one in all_questions().values() if one.fits(situation)]
    says = f"I have no answer to “{shortened(text, 200)}”." if text.strip() else "Ask me about this incident."
    return Answer(f"{says} I can answer questions like these:", [Line(label) for label in labels])


async def _meant(mention: Mention) -> Incident | None:
    """Outside of an incident's thread: the one that is named by its number, else the only open one that is shown here.

    In a channel that is one which the channel shows: what is answered there, all its members read.
    """
    named = _NUMBER.search(mention.text)
    async with mention.database.read() as connection:
        if named:
            found = await incidents.by_number(connection, int(named[1]))
            shown = found and (mention.place.direct or await _shows(connection, found, mention.place.channel))
            if not found or not shown:
                where = "" if mention.place.direct else " here"
                raise Refused(f"There is no incident #{named[1]}{where}.")
            return found
    opened = await _open_here(mention)
    return opened[0] if len(opened) == 1 else None


async def _shows(connection: AsyncConnection, incident: Incident, channel: str) -> bool:
    return any(one.channel == channel for one in await channel_messages.in_channels(connection, incident.id))


async def _open_here(mention: Mention) -> list[Incident]:
    """The open incidents that the channel shows, the worst first; to one person alone, all of them."""
    async with mention.database.read() as connection:
        opened = await incidents.open_worst_first(connection, _MOST_READ)
        if mention.place.direct:
            return opened
        return [one for one in opened if await _shows(connection, one, mention.place.channel)]


async def _which(mention: Mention) -> Reply:
    opened = await _open_here(mention)
    if not opened:
        return reply_of(Answer("No incident is open here. Ask in the thread of one, or name its number: #12."))
    lines = [Line(f"#{one.number} {one.title}, {one.severity}", one.opened_at) for one in opened[:_MOST_LISTED]]
    more = f" The first {_MOST_LISTED}:" if len(opened) > _MOST_LISTED else ""
    return reply_of(
        Answer(f"{len(opened)} incidents are open. Ask in the thread of one, or name its number.{more}", lines)
    )
