"""``/model show NAME``"""

from bot.domain.watched.labelling import labelling
from bot.model_store import batches, references
from bot.notify.slack.text import literal
from handlers.slack.calls import Call
from handlers.slack.models import (
    drawn,
    last_seen,
    model_of,
    monitor_in_words,
    reference_in_words,
    states_of,
    watch_of,
)
from handlers.slack.registry import MODEL, command

_SHOWN = 8
"""States of a monitor: versions of the model, or domains."""


@command(
    "show",
    slash=MODEL,
    args="demand-forecast",
    help="its version and reference, what the last checks said, and a chart",
    place=2,
)
async def show(call: Call) -> str:
    watch = watch_of(call)
    name = model_of(call, watch)
    async with call.database.read() as connection:
        reference = await references.current(connection, name, call.now)
        others = await references.versions(connection, name)
        overview = await watch.overview_of(connection, name)
        coverage = await batches.coverage(connection, name)
    lines = [f"*{literal(name, 100)}* · {reference_in_words(reference)} · {last_seen(overview, call.now)}"]
    if coverage:
        lines[0] += f" · {labelling(coverage, overview.label_delay)}"
    if len(others) > 1:
        lines.append("References: " + literal(", ".join(one.version for one in others[:10]), 500))
    states = states_of(watch, name, overview)
    for monitor in watch.models[name].monitors:
        there = [state for state in states if state.monitor == monitor]
        apart = [state for state in there if state.model_version is not None]
        whole = [state for state in there if state.model_version is None and (state.fires or not state.is_checked)]
        there = sorted(apart, key=lambda state: not state.fires) + whole if apart else there
        lines += [monitor_in_words(monitor, state) for state in there[:_SHOWN]] or [monitor_in_words(monitor, None)]
        lines += [f"… and {len(there) - _SHOWN} more of it"] if len(there) > _SHOWN else []
    charts = [state.chart for state in states if state.chart and state.fires]
    charts += [state.chart for state in states if state.chart]
    return "\n".join([*lines, *([drawn(charts[0])] if charts else [])])
