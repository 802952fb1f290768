"""``tandem replay``: a recorded event log through today's configuration, on a database that is thrown away.

The log is JSON Lines: ``{"received_at": …, "source": …, "body": {…}}`` with the body as its sender posted it,
and ``headers`` where those say what it is (GitHub's ``X-GitHub-Event``, the attributes of a CloudEvent in binary mode);
or with ``events`` in the inbox's form instead of ``body``. A line ``{"made": […]}``, which ``tandem record`` writes,
tells which incidents were made then.
"""

import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.commands.parts.recording import Made, made_in
from bot.config import Config
from bot.domain.event import Event
from bot.domain.rules import Rules
from bot.errors import ConfigError, TandemError
from bot.inbox import offsets
from bot.inbox.inbox import open_inbox
from bot.inbox.intake import entries_for
from bot.pipeline.worker import Worker
from bot.remediation.planning import make_plan
from bot.services import Services
from bot.storage.database import open_database
from bot.watches.configured import watches

_TICKS_BETWEEN = 60
"""At most so many ticks of the clock are replayed in a gap of the log."""
_SAME_TIME = timedelta(hours=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_MADE = b'{"made"'


class Line(msgspec.Struct, frozen=True):
    received_at: Annotated[datetime, msgspec.Meta(tz=True)]
    source: str
    body: msgspec.Raw = msgspec.Raw()
    headers: dict[str, str] = {}
    events: list[Event] = []


class Parse(Protocol):
    """Turns a body into events as the endpoint of its source does; ``headers`` are what the log holds of them."""

    def __call__(
        self, source: str, body: bytes, received_at: datetime, *, headers: Mapping[str, str]
    ) -> list[Event]: ...


def read_log(file: Path, parse: Parse) -> Iterator[tuple[datetime, str, list[Event]]]:
    """The deliveries of a log. Raises ConfigError with the line that cannot be read."""
    decode = msgspec.json.Decoder(Line).decode
    for number, text in _lines(file):
        if text.startswith(_MADE):
            continue
        try:
            line = decode(text)
            events = line.events or _parsed(line, parse)
        except (ValueError, LookupError, TandemError) as error:
            raise ConfigError(f"{file}:{number}: {error}") from error
        yield line.received_at, line.source, events


def _parsed(line: Line, parse: Parse) -> list[Event]:
    """The events of a body. Raises ValueError, LookupError, TandemError."""
    if not bytes(line.body):
        return []
    try:
        return parse(line.source, bytes(line.body), line.received_at, headers=line.headers)
    except TandemError as error:
        if "header" in str(error) and not line.headers:
            raise ValueError(f'{error}: give it beside the body, as in "headers": {{"X-Name": "value"}}') from error
        raise


def read_made(file: Path) -> list[Made]:
    """The incidents that were made then, where the log tells. Raises ConfigError with the line that cannot be read."""
    found: list[Made] = []
    for number, text in _lines(file):
        if text.startswith(_MADE):
            try:
                found += msgspec.json.decode(text, type=dict[str, list[Made]])["made"]
            except (ValueError, LookupError) as error:
                raise ConfigError(f"{file}:{number}: {error}") from error
    return found


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that are not blank."""
    if not file.is_file():
        raise ConfigError(f"{file}: there is no such file")
    with file.open("rb") as lines:
        yield from ((number, text) for number, text in enumerate(lines, 1) if text.strip())


async def replay_file(file: Path, config: Config, parse: Parse) -> list[Made]:
    """The incidents that the log makes. Raises ConfigError where the log cannot be read."""
    rules = config.rules()
    passing = _Passing()
    with tempfile.TemporaryDirectory(prefix="tandem-replay-") as folder:
        database = open_database(f"sqlite:///{folder}/replay.db")
        inbox = open_inbox(database)
        try:
            await database.migrate()
            await inbox.prepare(0)
            async with database.write() as connection:
                await offsets.prepare(connection, rules.partitions)
            services = Services(database, inbox, rules, lambda: passing.now)
            worker = Worker(services, make_plan, watches(rules, services.clock))
            for received_at, source, events in read_log(file, _enriching(parse, rules)):
                await passing.tick(worker, received_at)
                passing.now = received_at
                by, count = rules.correlation.partition_by, rules.partitions
                await inbox.append(entries_for(events, source, received_at, by, count))
                await worker.drain()
            await passing.end(worker, Worker(services, make_plan), _recorded_until(file))
            return [made async for made in made_in(database)]
        finally:
            await inbox.close()
            await database.close()


def _enriching(parse: Parse, rules: Rules) -> Parse:
    """Bodies become what they would today; events in the inbox's form hold already what was added to them then."""

    def parsed(source: str, body: bytes, received_at: datetime, *, headers: Mapping[str, str]) -> list[Event]:
        return rules.enrichment.of(parse(source, body, received_at, headers=headers))

    return parsed


class _Passing:
    """Time as the log tells it; it ticks about once a minute, whether or not something comes."""

    def __init__(self) -> None:
        self.now = datetime.min
        self._ticked = datetime.min

    async def tick(self, worker: Worker, until: datetime) -> None:
        """All ticks before a moment."""
        if self._ticked == datetime.min:
            self._ticked = until
        for moment in _ticks(self._ticked, until):
            self.now = self._ticked = moment
            await worker.tick()

    async def end(self, worker: Worker, without_watches: Worker, recorded_until: datetime | None) -> None:
        """What came after the last delivery. Where the log tells what was made, that is until when it knows of.

        Else an hour passes in which nobody misses what is not in the log: that it ends there is no silence of anybody.
        """
        if recorded_until is None:
            await self.tick(without_watches, self.now + timedelta(hours=1))
        elif recorded_until >= self.now:
            last = recorded_until + timedelta(seconds=1)  # the log has whole seconds
            await self.tick(worker, last)
            self.now = last
            await worker.tick()


def _recorded_until(file: Path) -> datetime | None:
    """When something last happened to the incidents of then; None where the log does not tell what was made."""
    if not any(text.startswith(_MADE) for _, text in _lines(file)):
        return None
    moments = [moment for one in read_made(file) for moment in (one.opened_at, one.resolved_at) if moment]
    return max(map(datetime.fromisoformat, moments), default=_LONG_AGO)


def _ticks(since: datetime, until: datetime) -> Iterator[datetime]:
    """Moments inside a gap, a minute apart at first and further apart in a long one."""
    if until <= since:
        return
    step = max(timedelta(minutes=1), (until - since) / _TICKS_BETWEEN)
    moment = since + step
    while moment < until:
        yield moment
        moment += step


def print_incidents(now: list[Made], then: list[Made], out: Console, as_json: bool) -> None:
    """What the log makes today, each beside what it made then, where the log tells."""
    beside = {made.number: counterparts(made, then) for made in now}
    if as_json:
        rows = [msgspec.to_builtins(made) | {"then": [one.number for one in beside[made.number]]} for made in now]
        out.print(msgspec.json.encode(rows).decode())
        return
    out.print(_table(now, then, beside))
    matched = {one.number for found in beside.values() for one in found}
    for lost in [made for made in then if made.number not in matched]:
        out.print(f"no longer made: #{lost.number} {lost.title}")


def _table(now: list[Made], then: list[Made], beside: Mapping[int, list[Made]]) -> Table:
    """Three columns beside the number, each with two lines, so that it can be read on 80 columns."""
    table = Table(title=f"{len(now)} incidents{_then(then)}", box=SIMPLE_HEAD, pad_edge=False)
    for name, width in (("#", None), ("incident", None), ("status", 12), ("opened, resolved", 19)):
        table.add_column(name, min_width=width, overflow="fold")
    for made in now:
        lines = [made.title, f"cause: {made.cause}" if made.cause else "no likely cause"]
        if then:
            lines.append("then: " + ("; ".join(f"#{one.number} {one.title}" for one in beside[made.number]) or "none"))
        status = f"{made.status}\n{made.severity}"
        times = f"{_moment(made.opened_at)}\n{_moment(made.resolved_at) or '…'}"
        table.add_row(Text(str(made.number)), Text("\n".join(lines)), Text(status), Text(times), end_section=True)
    return table


def _moment(moment: str | None) -> str:
    """In UTC, without the offset that all have."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _then(then: list[Made]) -> str:
    return f", {len(then)} then" if then else ""


def counterparts(made: Made, then: list[Made]) -> list[Made]:
    """The incidents made then that hold any of the same alerts at about the same time, the most alike first."""
    mine = set(made.alerts)
    began = datetime.fromisoformat(made.opened_at)
    near = [one for one in then if abs(datetime.fromisoformat(one.opened_at) - began) <= _SAME_TIME]
    shared = [(len(mine.intersection(one.alerts)), one) for one in near]
    return [one for count, one in sorted(shared, key=lambda found: (-found[0], found[1].number)) if count]
