"""Tools that the environment holds an address or a token of: statuses and silences go there, their lists are read."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import aiohttp

from bot.components.component import Component
from bot.components.process import Process
from bot.integrations import (
    AlertComparison,
    SilenceSync,
    StatusSync,
    ToolTasks,
    listing_tools,
    silence_tools,
    status_tools,
)

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
        run = partial(tasks.send_status, StatusSync(services.database, tool, session))
        yield Component(f"{tool.name} statuses", run=run, role=ROLE)
    for each in silences:
        run = partial(tasks.sync, SilenceSync(services.database, each, session))
        yield Component(f"{each.name} silences", run=run, role=ROLE)
    every = process.environment.alerts_every
    for listing in listing_tools(process.environment):
        comparison = AlertComparison(services, listing, session, timedelta(seconds=every))
        yield Component(f"{listing.name} alerts", run=partial(tasks.compare, comparison, every), role=ROLE)
