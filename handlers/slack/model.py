"""The slash command ``/model``: what each of its words does and answers."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from bot.config.nearest import nearest
from bot.domain.duration import format_duration
from bot.domain.event import Chart
from bot.errors import Refused
from bot.model_store import references
from bot.model_store.references import Reference
from bot.notify.slack.text import code_block, escaped, inline_code, literal, one_line, when
from bot.storage.database import Database
from bot.storage.queries import audit
from bot.storage.queries.audit import AuditEntry
from bot.watches.models.memory import Account, MonitorState

if TYPE_CHECKING:
    from bot.watches.models.watch import ModelsWatch  # brings scikit-learn: only for those who watch models

HELP = """*`/model list`* the models that are watched
*`/model show NAME`* its version and reference, what the last checks said, and a chart
*`/model check NAME`* check what came since the last checks now, however little it is
*`/model reference NAME VERSION`* compare it with this version; *`/model reference NAME newest`* with the newest again
*`/model help`* this"""
_LISTED = 20
_BAR = 20
_CHART_LINES = 12

Answer = Callable[[Database, "ModelsWatch", list[str], str, datetime], Awaitable[str]]


async def answer(database: Database, watch: "ModelsWatch | None", text: str, user: str, now: datetime) -> str:
    """Do what the command says; returns the answer in Slack's mrkdwn. Raises Refused, StorageUnavailable."""
    words = text.split()
    word = words[0].lower() if words else "help"
    if word == "help":
        return HELP
    known = _COMMANDS.get(word)
    if known is None:
        return f"{inline_code(word, 40)} is no command of mine.\n{HELP}"
    if watch is None:
        raise Refused("No model is watched: give one `monitors` in tandem.yaml.")
    return await known(database, watch, words[1:], user, now)


async def _list(database: Database, watch: "ModelsWatch", words: list[str], user: str, now: datetime) -> str:
    lines = []
    for name in sorted(watch.models)[:_LISTED]:
        async with database.read() as connection:
            reference = await references.current(connection, name, now)
            account = await watch.account_of(connection, name)
        firing = [state.monitor for state in _states(watch, name, account) if _fires(state)]
        how = f"🔴 {literal(', '.join(firing), 200)}" if firing else "🟢 nothing fires"
        lines.append(f"• *{literal(name, 100)}* {how} · {_reference(reference)} · {_heard(account, now)}")
    more = [f"… and {len(watch.models) - _LISTED} more"] if len(watch.models) > _LISTED else []
    return "\n".join([*lines, *more])


async def _show(database: Database, watch: "ModelsWatch", words: list[str], user: str, now: datetime) -> str:
    name = _named(watch, words, "show demand-forecast")
    async with database.read() as connection:
        reference = await references.current(connection, name, now)
        others = await references.versions(connection, name)
        account = await watch.account_of(connection, name)
    lines = [f"*{literal(name, 100)}* · {_reference(reference)} · {_heard(account, now)}"]
    if len(others) > 1:
        lines.append("References: " + literal(", ".join(one.version for one in others[:10]), 500))
    states = {state.monitor: state for state in _states(watch, name, account)}
    for monitor in watch.models[name].monitors:
        lines.append(_monitor(monitor, states.get(monitor)))
    charts = [state.chart for state in states.values() if state.chart and _fires(state)]
    charts += [state.chart for state in states.values() if state.chart]
    return "\n".join([*lines, *([_drawn(charts[0])] if charts else [])])


async def _check(database: Database, watch: "ModelsWatch", words: list[str], user: str, now: datetime) -> str:
    name = _named(watch, words, "check demand-forecast")
    async with database.read() as connection:
        waits = (await watch.account_of(connection, name)).waits
    if not waits:
        raise Refused(f"Nothing came of {inline_code(name, 100)} since its last checks.")
    watch.ask_for_checks(name)
    return f"Checking {inline_code(name, 100)}; in a moment `/model show` says what was found."


async def _choose(database: Database, watch: "ModelsWatch", words: list[str], user: str, now: datetime) -> str:
    name = _named(watch, words, "reference demand-forecast v3")
    if len(words) != 2:
        raise Refused("Say which version, as in: `/model reference demand-forecast v3`.")
    version = words[1]
    async with database.write() as connection:
        known = [one.version for one in await references.versions(connection, name)]
        if version == "newest" and version not in known:
            await references.unpin(connection, name)
        elif not await references.pin(connection, name, version):
            hint = escaped(nearest(version, known), 300)
            raise Refused(f"{inline_code(name, 100)} has no reference {inline_code(version, 100)}{hint}")
        entry = AuditEntry(now, user, "model.reference", f"model {name}", {"version": version})
        await audit.append(connection, entry)
    return f"{inline_code(name, 100)} is compared with {inline_code(version, 100)} from its next check on."


def _named(watch: "ModelsWatch", words: list[str], example: str) -> str:
    if not words:
        raise Refused(f"Say which model, as in: `/model {example}`.")
    if words[0] not in watch.models:
        hint = escaped(nearest(words[0], watch.models.keys()), 300)
        raise Refused(f"{inline_code(words[0], 100)} is no model of tandem.yaml{hint}")
    return words[0]


def _reference(reference: Reference | None) -> str:
    if reference is None:
        return "no reference yet"
    pinned = ", pinned" if reference.pinned else ""
    model = f" of model {literal(reference.lineage.model_version, 80)}" if reference.lineage.model_version else ""
    return f"reference {inline_code(reference.version, 100)}{model} ({reference.rows:,} rows{pinned})"


def _heard(account: Account, now: datetime) -> str:
    newest = account.newest_at
    return "no predictions yet" if newest is None else f"last predictions {format_duration(now - newest)} ago"


def _states(watch: "ModelsWatch", name: str, account: Account) -> list[MonitorState]:
    """Of the monitors that tandem.yaml has now."""
    return [state for state in account.states if state.monitor in watch.models[name].monitors]


def _fires(state: MonitorState) -> bool:
    return any((state.firing_since, state.stale_since, state.failed_since))


def _monitor(name: str, state: MonitorState | None) -> str:
    if state is None or state.checked_at is None:
        icon = "🔴" if state and state.stale_since else "⚪"
        return f"{icon} *{literal(name, 100)}* has not checked yet"
    icon = "🔴" if _fires(state) else "🟢"
    return f"{icon} *{literal(name, 100)}* {one_line(state.said, 400)} ({when(state.checked_at)}, check {state.checks})"


def _drawn(chart: Chart) -> str:
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


_COMMANDS: dict[str, Answer] = {"list": _list, "show": _show, "check": _check, "reference": _choose}
