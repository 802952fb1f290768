"""Entries: what the inbox holds, wherever it is kept."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from bot.domain.event import EdgesEvent, Event, LlmEvent, LogsEvent, SamplesEvent, decode_events, encode_events
from bot.errors import EventTooLarge

MOST_BYTES = 2**20
"""So much is read at once, or one entry: it is decoded in a transaction that nobody waits for long."""
MOST_WEIGHT = 25
"""So much work one entry holds: it is the least that one transaction of the pipeline takes."""
ShortLived = type[SamplesEvent | LogsEvent | LlmEvent]
"""What need not stay once it was learnt from."""
_ALIKE = 8
"""So many series, or log lines, are as much work as one alert."""
_BITE = 2**18
"""So many bytes are decoded before others have their turn: some 5 ms."""


class NewEntry(msgspec.Struct, frozen=True):
    """Events of one delivery for one partition, encoded by ``encode_events``."""

    partition: int
    source: str
    received_at: datetime
    payload: bytes


class Entry(msgspec.Struct, frozen=True):
    seq: int
    received_at: datetime
    events: list[Event]


class Portion(NamedTuple):
    """The next entries of a partition; ``more``: others may wait behind them."""

    entries: list[Entry]
    more: bool


def weight_of(event: Event) -> int:
    """How much work an event is, in alerts."""
    match event:
        case SamplesEvent(series=parts) | LogsEvent(lines=parts) | LlmEvent(tallies=parts) | EdgesEvent(edges=parts):
            return 1 + len(parts) // _ALIKE
        case _:
            return 1


def in_small_parts(events: Iterable[Event]) -> Iterator[list[Event]]:
    """The same events in order, series and lines of one in several where they are many, in lists for one entry each."""
    part: list[Event] = []
    weight = 0
    for event in _bounded(events):
        weight += weight_of(event)
        if weight > MOST_WEIGHT and part:
            yield part
            part, weight = [], weight_of(event)
        part.append(event)
    if part:
        yield part


def _bounded(events: Iterable[Event]) -> Iterator[Event]:
    most = (MOST_WEIGHT - 1) * _ALIKE
    for event in events:
        match event:
            case SamplesEvent(series=series) if len(series) > most:
                for start in range(0, len(series), most):
                    yield msgspec.structs.replace(event, series=series[start : start + most])
            case LogsEvent(lines=lines) if len(lines) > most:
                for start in range(0, len(lines), most):
                    yield msgspec.structs.replace(event, lines=lines[start : start + most])
            case LlmEvent(tallies=tallies) if len(tallies) > most:
                for start in range(0, len(tallies), most):
                    yield msgspec.structs.replace(event, tallies=tallies[start : start + most])
            case EdgesEvent(edges=edges) if len(edges) > most:
                for start in range(0, len(edges), most):
                    yield msgspec.structs.replace(event, edges=edges[start : start + most])
            case _:
                yield event


RawEntry = tuple[int, str, datetime, bytes]
"""Position, source, moment of receipt, encoded events."""


class Room(NamedTuple):
    """How much more an inbox takes: ``full`` says why it takes nothing, ``share`` how much of its bound is used."""

    full: str = ""
    share: float = 0.0


async def decoded(rows: Iterable[tuple[int, datetime, bytes]]) -> list[Entry]:
    """Entries from position, moment of receipt and encoded events; others have their turn in between."""
    entries, since = [], 0
    for seq, received_at, payload in rows:
        entries.append(Entry(seq, received_at, decode_events(payload)))
        since += len(payload)
        if since > _BITE:
            await asyncio.sleep(0)
            since = 0
    return entries


def beginning_of(kind: ShortLived) -> bytes:
    """How entries of this kind begin: an endpoint writes an entry from events of one kind."""
    return b'[{"kind":"%s"' % str(kind.__struct_config__.tag).encode()


_OWN_KINDS = {kind: str(kind.__struct_config__.tag) for kind in (SamplesEvent, LogsEvent, LlmEvent)}


def kind_of(payload: bytes) -> str:
    """``samples``, ``logs`` or ``llm``, which are forgotten soon, or ``events`` for all else."""
    return next((tag for kind, tag in _OWN_KINDS.items() if payload.startswith(beginning_of(kind))), "events")


def fitted_to(most_bytes: int, entries: Sequence[NewEntry]) -> Sequence[NewEntry]:
    """The same events, in order, in entries of at most so many bytes. Raises EventTooLarge."""
    if all(len(entry.payload) <= most_bytes for entry in entries):
        return entries
    return [part for entry in entries for part in _parts(entry, most_bytes)]


def _parts(entry: NewEntry, most_bytes: int) -> Iterator[NewEntry]:
    if len(entry.payload) <= most_bytes:
        yield entry
        return
    for half in _halves(decode_events(entry.payload), most_bytes):
        yield from _parts(msgspec.structs.replace(entry, payload=encode_events(half)), most_bytes)


def _halves(events: list[Event], most_bytes: int) -> tuple[list[Event], list[Event]]:
    """Two halves of some events, or of the series or lines of one."""
    if len(events) > 1:
        return events[: len(events) // 2], events[len(events) // 2 :]
    match events[0]:
        case SamplesEvent(series=series) as event if len(series) > 1:
            first, second = series[: len(series) // 2], series[len(series) // 2 :]
            replace = msgspec.structs.replace
            return [replace(event, series=first)], [replace(event, series=second)]
        case LogsEvent(lines=lines) as event if len(lines) > 1:
            return (
                [msgspec.structs.replace(event, lines=lines[: len(lines) // 2])],
                [msgspec.structs.replace(event, lines=lines[len(lines) // 2 :])],
            )
        case event:
            raise EventTooLarge(f"one event of {event.source[:60]} has more than the {most_bytes} bytes that are taken")
