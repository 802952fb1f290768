"""The rewriter of summaries, where tandem.yaml names a language model."""

from collections.abc import Iterator

import aiohttp

from bot.components.component import Component
from bot.components.process import Process
from bot.notify.rewriting.language_model import completer
from bot.notify.rewriting.rewriter import Rewriter

ROLE = "rewriter"


def rewriter_components(process: Process) -> Iterator[Component]:
    settings, key = process.config.summary.rewrite, process.environment.llm_api_key
    if settings is None:
        return
    services = process.services.under(ROLE)
    session = aiohttp.ClientSession(trust_env=True)
    timeout = settings.timeout.total_seconds()
    complete = completer(session, settings.url, settings.model, key.get_secret_value() if key else None, timeout)
    names = {name for service, others in process.config.depends_on.items() for name in (service, *others)}
    interval, changed = 60 / settings.per_minute, services.broadcast.publish_change
    rewriter = Rewriter(services.database, complete, names, services.clock, interval, changed)
    services.broadcast.on_change(rewriter.wake)
    yield Component("connections to the language model", stop=session.close)
    yield Component("rewriter", run=rewriter.run, role=ROLE)
