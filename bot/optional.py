"""Parts that run only where they are configured: the rewriter of summaries, and the tools that are told."""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from typing import Any

import aiohttp

from bot.config import Config, Environment
from bot.integrations import SilenceSync, StatusTeller, ToolTasks, silence_tools, status_tools
from bot.notify.language_model import asking
from bot.notify.rewriter import Rewriter
from bot.storage.database import Database

Work = Callable[[], Coroutine[Any, Any, None]]


async def make_rewriter(
    stack: AsyncExitStack,
    environment: Environment,
    config: Config,
    database: Database,
    clock: Callable[[], datetime],
    on_change: Callable[[], None],
) -> Rewriter | None:
    """Where a language model is configured."""
    said = config.summary.rewrite
    if said is None:
        return None
    key = environment.llm_api_key
    session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=True))
    ask = asking(session, said.url, said.model, key.get_secret_value() if key else None, said.timeout.total_seconds())
    names = {name for service, others in config.depends_on.items() for name in (service, *others)}
    return Rewriter(database, ask, names, clock, 60 / said.per_minute, on_change)


async def works_of_tools(
    stack: AsyncExitStack, environment: Environment, database: Database, tasks: ToolTasks
) -> dict[str, Work]:
    """What is to be run, by name, for those tools that the environment holds an address or a token of."""
    tellers, syncs = status_tools(environment), silence_tools(environment)
    if not tellers and not syncs:
        return {}
    session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=True))
    found: dict[str, Work] = {}
    for teller in tellers:
        found[f"{teller.name} statuses"] = partial(tasks.tell, StatusTeller(database, teller, session))
    for tool in syncs:
        found[f"{tool.name} silences"] = partial(tasks.sync, SilenceSync(database, tool, session))
    return found
