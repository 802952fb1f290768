"""``tandem replay``: a recorded event log through today's configuration, on a database that is thrown away.

The log is JSON Lines: ``{"received_at": …, "source": …, "body": {…}}`` with the body as its sender posted it,
or with ``events`` in the inbox's form instead of ``body``.
"""

import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
from rich.console import Console
from rich.table import Table

from bot.config import Config
from bot.domain.event import AlertEvent, Event, GroupResolved
from bot.domain.incident import Incident
from bot.errors import ConfigError, TandemError
from bot.pipeline.intake import entries_for
from bot.pipeline.worker import Worker
from bot.remediation.planning import make_plan
from bot.storage import incidents, offsets
from bot.storage.database import open_database
from bot.storage.inbox import open_inbox

_TICKS_BETWEEN = 60
"""At most so many ticks of the clock are replayed in a gap of the log."""


class Line(msgspec.Struct, frozen=True):
    received_at: Annotated[datetime, msgspec.Meta(tz=True)]
    source: str
    body: msgspec.Raw = msgspec.Raw()
    events: list[AlertEvent | GroupResolved] = []


Parse = Callable[[str, bytes, datetime], list[Event]]


def read_log(file: Path, parse: Parse) -> Iterator[tuple[datetime, str, list[Event]]]:
    """The deliveries of a log. Raises ConfigError with the line that cannot be read."""
    if not file.is_file():
        raise ConfigError(f"{file}: there is no such file")
    decode = msgspec.json.Decoder(Line).decode
    with file.open("rb") as lines:
        for number, text in enumerate(lines, 1):
            if not text.strip():
                continue
            try:
                line = decode(text)
                events: list[Event] = list(line.events)
                if not events and bytes(line.body):
                    events = parse(line.source, bytes(line.body), line.received_at)
            except (ValueError, LookupError, TandemError) as error:
                raise ConfigError(f"{file}:{number}: {error}") from error
            yield line.received_at, line.source, events


async def replay_file(file: Path, config: Config, parse: Parse) -> list[Incident]:
    """The incidents that the log makes. Raises ConfigError where the log cannot be read."""
    rules = config.rules()
    now = datetime.min
    with tempfile.TemporaryDirectory(prefix="tandem-replay-") as folder:
        database = open_database(f"sqlite:///{folder}/replay.db")
        inbox = open_inbox(database)
        try:
            await database.migrate()
            await inbox.prepare(0)
            async with database.write() as connection:
                await offsets.prepare(connection, rules.partitions)
            worker = Worker(database, inbox, rules, make_plan, lambda: now)
            for received_at, source, events in read_log(file, parse):
                for moment in _ticks(now, received_at):
                    now = moment
                    await worker.tick()
                now = received_at
                await inbox.append(entries_for(events, source, now, rules.correlation.partition_by, rules.partitions))
                await worker.drain()
            for moment in _ticks(now, now + timedelta(hours=1)):
                now = moment
                await worker.tick()
            async with database.read() as connection:
                return list(reversed(await incidents.list_incidents(connection, limit=1_000_000)))
        finally:
            await inbox.close()
            await database.close()


def _ticks(since: datetime, until: datetime) -> Iterator[datetime]:
    """Moments inside a gap, a minute apart at first and further apart in a long one."""
    if since == datetime.min or until <= since:
        return
    step = max(timedelta(minutes=1), (until - since) / _TICKS_BETWEEN)
    moment = since + step
    while moment < until:
        yield moment
        moment += step


def print_incidents(found: list[Incident], out: Console, as_json: bool) -> None:
    if as_json:
        out.print(msgspec.json.encode([_described(incident) for incident in found]).decode())
        return
    table = Table(
        "number", "title", "status", "severity", "opened", "resolved", "likely cause", title=f"{len(found)} incidents"
    )
    for incident in found:
        described = _described(incident)
        table.add_row(*(str(described[key] or "") for key in described))
    out.print(table)


def _described(incident: Incident) -> dict[str, Any]:
    return {
        "number": incident.number,
        "title": incident.title,
        "status": incident.status.value,
        "severity": incident.severity.value,
        "opened_at": incident.opened_at.isoformat(timespec="seconds"),
        "resolved_at": incident.resolved_at.isoformat(timespec="seconds") if incident.resolved_at else None,
        "cause": f"{incident.causes[0].service} ({incident.causes[0].kind})" if incident.causes else None,
    }
