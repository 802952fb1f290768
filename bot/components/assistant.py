"""What answers questions: what is known, and the language model that is asked too, where tandem.yaml names one."""

from typing import NamedTuple

import aiohttp

from bot.assistant.answering import AskModel
from bot.assistant.assistant import Asking, Assistant, Limits, Spoken
from bot.assistant.chat import Chat
from bot.components.component import Component
from bot.components.process import Process
from bot.questions.question import Knowledge
from bot.routing.schedules.roster import Roster
from handlers.api.operation import Backend
from handlers.api.serving import Serving
from handlers.api.tokens import Tokens
from handlers.mcp.reading import ReadTools


class Answering(NamedTuple):
    """``ask_model`` is None where none is configured; ``components`` end its connections."""

    roster: Roster
    knowledge: Knowledge
    ask_model: AskModel | None
    components: tuple[Component, ...]


def make_answering(process: Process, roster: Roster) -> Answering:
    """One of a process: its surfaces share the bounds of the model."""
    services = process.services
    knowledge = Knowledge(services.database, services.rules, roster, services.histories)
    if process.config.assistant is None or not process.environment.role.has_endpoints:
        return Answering(roster, knowledge, None, ())
    session = aiohttp.ClientSession(trust_env=True, timeout=aiohttp.ClientTimeout(total=None))
    component = Component("connections to the assistant", stop=session.close)
    return Answering(roster, knowledge, _model(process, knowledge, session), (component,))


def _model(process: Process, knowledge: Knowledge, session: aiohttp.ClientSession) -> AskModel:
    """It reads by the tools of agents, with no right to change anything."""
    settings, key, services = process.config.assistant, process.environment.llm_api_key, process.services
    assert settings is not None
    chat = Chat(session, settings.url, settings.model, key.get_secret_value() if key else None)
    limits = Limits(settings.steps, settings.tokens, settings.timeout.total_seconds(), settings.per_hour)
    assistant = Assistant(chat, services.database, limits, services.clock)
    policy = process.config.policy
    backend = Backend(services.database, services.rules, services.clock, policy=policy, knowledge=knowledge)
    serving = Serving(backend, Tokens(None))

    async def ask(asking: Asking, domain: str) -> Spoken:
        return await assistant.answer(asking, ReadTools(serving, domain))

    return ask
