"""Tools: statuses and silences go to the tools that the environment holds an address or a token of."""

from collections.abc import Iterator
from functools import partial

import aiohttp

from bot.components.component import Component
from bot.components.process import Process
from bot.integrations import SilenceSync, StatusTeller, ToolTasks, silence_tools, status_tools

ROLE = "tools"


def tool_components(process: Process) -> Iterator[Component]:
    """One a tool and kind, so that a tool that is down delays no other."""
    statuses, silences = status_tools(process.environment), silence_tools(process.environment)
    if not statuses and not silences:
        return
    services = process.services.under(ROLE)
    tasks = ToolTasks(services.clock, process.environment.silences_every)
    services.broadcast.on_change(tasks.wake)
    session = aiohttp.ClientSession(trust_env=True)
    yield Component("connections to tools", stop=session.close)
    for tool in statuses:
        run = partial(tasks.tell, StatusTeller(services.database, tool, session))
        yield Component(f"{tool.name} statuses", run=run, role=ROLE)
    for each in silences:
        run = partial(tasks.sync, SilenceSync(services.database, each, session))
        yield Component(f"{each.name} silences", run=run, role=ROLE)
