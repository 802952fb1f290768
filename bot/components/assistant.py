"""The language model that answers questions, where tandem.yaml names one."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import aiohttp

from bot.assistant.assistant import Asking, Assistant, Limits, Spoken
from bot.assistant.chat import Chat
from bot.components.component import Component
from bot.components.process import Process
from handlers.api.operation import Backend
from handlers.api.serving import Serving
from handlers.api.tokens import Tokens
from handlers.mcp.reading import ReadTools


class Configured(NamedTuple):
    """``ask`` answers a question about a correlation domain; ``component`` ends its connections."""

    ask: Callable[[Asking, str], Awaitable[Spoken]]
    component: Component


def make_assistant(process: Process) -> Configured | None:
    """It reads by the tools of agents, with no right to change anything."""
    settings, key, services = process.config.assistant, process.environment.llm_api_key, process.services
    if settings is None:
        return None
    session = aiohttp.ClientSession(trust_env=True, timeout=aiohttp.ClientTimeout(total=None))
    chat = Chat(session, settings.url, settings.model, key.get_secret_value() if key else None)
    limits = Limits(settings.steps, settings.tokens, settings.timeout.total_seconds(), settings.per_hour)
    assistant = Assistant(chat, services.database, limits, services.clock)
    backend = Backend(services.database, services.rules, services.clock, policy=process.config.policy)
    serving = Serving(backend, Tokens(None))

    async def ask(asking: Asking, domain: str) -> Spoken:
        return await assistant.answer(asking, ReadTools(serving, domain))

    return Configured(ask, Component("connections to the assistant", stop=session.close))
