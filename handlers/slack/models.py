"""Models in words, for the commands that show them."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from bot.config.nearest import nearest
from bot.domain.duration import format_duration
from bot.domain.event import Chart
from bot.errors import Refused
from bot.model_store.references import Reference
from bot.notify.slack.text import code_block, escaped, inline_code, literal, one_line, when
from bot.watches.models.memory import ModelOverview, MonitorState
from handlers.slack.calls import Call

if TYPE_CHECKING:
    from bot.watches.models.watch import ModelsWatch  # brings scikit-learn: only for those who watch models

_BAR = 20
_CHART_LINES = 12


def watch_of(call: Call) -> "ModelsWatch":
    """What watches models. Raises Refused where nothing does."""
    if call.endpoint.models is None:
        raise Refused("No model is watched: give one `monitors` in tandem.yaml.")
    return call.endpoint.models


def model_of(call: Call, watch: "ModelsWatch") -> str:
    """The model whose name was typed first. Raises Refused."""
    words = call.text.split()
    if not words:
        raise Refused(f"Say which model, as in: `{call.example}`.")
    if words[0] not in watch.models:
        hint = escaped(nearest(words[0], watch.models.keys()), 300)
        raise Refused(f"{inline_code(words[0], 100)} is no model of tandem.yaml{hint}")
    return words[0]


def reference_in_words(reference: Reference | None) -> str:
    if reference is None:
        return "no reference yet"
    pinned = ", pinned" if reference.pinned else ""
    model = f" of model {literal(reference.lineage.model_version, 80)}" if reference.lineage.model_version else ""
    return f"reference {inline_code(reference.version, 100)}{model} ({reference.rows:,} rows{pinned})"


def last_seen(overview: ModelOverview, now: datetime) -> str:
    newest = overview.newest_at
    return "no predictions yet" if newest is None else f"last predictions {format_duration(now - newest)} ago"


def states_of(watch: "ModelsWatch", name: str, overview: ModelOverview) -> list[MonitorState]:
    """Of the monitors that tandem.yaml has now."""
    return [state for state in overview.states if state.monitor in watch.models[name].monitors]


def unchecked(watch: "ModelsWatch", name: str, overview: ModelOverview) -> list[str]:
    """The monitors whose last check could not be made, or that never checked."""
    checked = {state.monitor for state in overview.states if state.is_checked}
    return [monitor for monitor in watch.models[name].monitors if monitor not in checked]


def monitor_in_words(name: str, state: MonitorState | None) -> str:
    icon = "🔴" if state and state.fires else "🟢" if state and state.is_checked else "⚪"
    if state is None or state.checked_at is None:
        return f"{icon} *{literal(name, 100)}* has not checked yet"
    version = state.model_version
    where = "" if version is None else f" of version {literal(version, 100)}" if version else " of rows without version"
    where += f" in {literal(state.domain, 100)}" if state.domain else ""
    again = f", for {state.unchecked} checks" if state.unchecked > 1 else ""
    checked = f"({when(state.checked_at)}, check {state.checks}{again})"
    return f"{icon} *{literal(name, 100)}*{where} {one_line(state.summary, 400)} {checked}"


def drawn(chart: Chart) -> str:
    return f"*{literal(chart.title, 150)}*\n" + code_block("\n".join(_bars(chart)), 1500)


def _bars(chart: Chart) -> Iterator[str]:
    width = max((len(str(place)) for place in chart.x[:_CHART_LINES]), default=0)
    largest = max((value or 0 for line in chart.lines.values() for value in line), default=0) or 1
    longest = max(map(len, chart.lines), default=0)
    for at, place in enumerate(chart.x[:_CHART_LINES]):
        for row, (name, line) in enumerate(chart.lines.items()):
            value = line[at] or 0.0
            head = str(place) if row == 0 else ""
            bar = "█" * round(value / largest * _BAR)
            yield f"{head:<{min(width, 20)}.20} {name:<{longest}} {bar} {value:.1f}"
