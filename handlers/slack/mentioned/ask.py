"""Whatever else is written to the bot is a question about the incident of the thread."""

import re
from dataclasses import replace
from functools import partial

from bot.assistant.answering import AskModel, Given, by_model, by_rules
from bot.assistant.chat import Unanswered
from bot.domain.incident import Incident
from bot.errors import Refused, StorageUnavailable
from bot.incidents.permissions import Action, require
from bot.questions.answering import load
from bot.questions.question import Answer, Line, Question, Situation
from bot.storage.queries import incidents
from handlers.slack.answered import ByModel, reply_of
from handlers.slack.calls import Deed, Mention, SlackEndpoint
from handlers.slack.panes.answering import pane_of, remember
from handlers.slack.panes.open_incidents import open_for, open_in, shows
from handlers.slack.panes.viewing import which
from handlers.slack.registry import ANYTHING, mention
from handlers.slack.reply import Reply

_NUMBER = re.compile(r"(?:#|\bincident\s+#?)(\d{1,12})\b", re.IGNORECASE)
_MOST_LISTED = 10


@mention(ANYTHING)
async def ask(mention: Mention) -> Reply:
    incident = mention.incident or await _meant(mention)
    if incident is None:
        return await _which(mention)
    require(mention.who, Action.ASK, incident)
    await remember(mention, incident.id)
    return await answered(mention, incident, mention.text)


async def answered(deed: Deed, incident: Incident, text: str, chosen: Question | None = None) -> Reply:
    """The answer to what was typed, or to a question that was ``chosen``; where a language model is configured, it is
    asked what was typed, too, and what it says is added."""
    knowledge = deed.endpoint.known
    situation = await load(knowledge, incident, deed.now)
    given = await by_rules(knowledge, situation, text, chosen)
    if deed.endpoint.assistant is None or chosen or not text.strip():
        return reply_of(given.answer, incident.id, given.further)
    first = reply_of(given.answer, incident.id, given.further, ByModel("⏳ The language model is asked, too …"))
    later = partial(_with_model, deed.endpoint, deed.endpoint.assistant, situation, text, given)
    return replace(first, later=later)


async def _with_model(endpoint: SlackEndpoint, ask: AskModel, situation: Situation, text: str, given: Given) -> Reply:
    """The same answer with what a language model says, or why it says nothing."""
    incident_id = situation.incident.id
    try:
        spoken = await by_model(ask, endpoint.known, situation, text, given.answer)
    except (Unanswered, StorageUnavailable) as error:
        without = "this is answered without it" if given.answer.asked else "ask in other words, or choose a question"
        note = f"No help from the language model: {error}; {without}."
        return reply_of(given.answer, incident_id, given.further, ByModel(note))
    left_out = len(spoken.checked.dropped)
    cut = f" {left_out} of its sentences did not, and are left out." if left_out else ""
    note = f"🤖 By a language model; names and numbers of each sentence stand in the evidence that it cites.{cut}"
    return reply_of(given.answer, incident_id, given.further, ByModel(note, spoken))


async def _meant(mention: Mention) -> Incident | None:
    """Outside of an incident's thread: the one that is named by its number, else in a conversation with the bot the one
    that was asked about last, or that is shown where the person looks; else the only open one that is shown here.

    In a channel that is one which the channel shows: what is answered there, all its members read.
    """
    named = _NUMBER.search(mention.text)
    async with mention.database.read() as connection:
        if named:
            found = await incidents.by_number(connection, int(named[1]))
            shown = found and (mention.place.direct or await shows(connection, found, mention.place.channel))
            if not found or not shown:
                where = "" if mention.place.direct else " here"
                raise Refused(f"There is no incident #{named[1]}{where}.")
            return found
    opened = await _looked_at(mention) or await _open_here(mention)
    return opened[0] if len(opened) == 1 else None


async def _looked_at(mention: Mention) -> list[Incident]:
    pane = await pane_of(mention.endpoint, mention.place)
    if pane is None:
        return []
    async with mention.database.read() as connection:
        return await which(connection, pane, mention.who)


async def _open_here(mention: Mention) -> list[Incident]:
    """The open incidents that the channel shows, the worst first; to one person alone, all that they may ask about."""
    async with mention.database.read() as connection:
        if mention.place.direct:
            return await open_for(connection, mention.who)
        return await open_in(connection, mention.place.channel)


async def _which(mention: Mention) -> Reply:
    opened = await _looked_at(mention) or await _open_here(mention)
    if not opened:
        where = "that you may ask about" if mention.place.direct else "here"
        return reply_of(Answer(f"No incident is open {where}. Ask in the thread of one, or name its number: #12."))
    lines = [Line(f"#{one.number} {one.title}, {one.severity}", one.opened_at) for one in opened[:_MOST_LISTED]]
    more = f" The first {_MOST_LISTED}:" if len(opened) > _MOST_LISTED else ""
    return reply_of(
        Answer(f"{len(opened)} incidents are open. Ask in the thread of one, or name its number.{more}", lines)
    )
