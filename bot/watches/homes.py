"""To which partition what the watches have learnt belongs: every piece says of which correlation domain it is."""

import importlib
from collections.abc import Callable
from typing import NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import partition_of
from bot.domain.rules import Rules
from bot.storage import homes
from bot.storage.queries import snapshots
from bot.watches.names import FORECAST, LOGS, METRICS
from bot.watches.snapshots import UNREADABLE

DomainOf = Callable[[Rules, str, bytes], str | None]

Renamed = Callable[[str], str]
"""The new name of a domain."""
MODULES = {
    METRICS: "bot.watches.metrics.memory",
    FORECAST: "bot.watches.forecast.memory",
    LOGS: "bot.watches.logs.memory",
    "llm": "bot.watches.llm.memory",
    "lineage": "bot.watches.lineage.memory",
    "models": "bot.watches.models.memory",
    "heartbeats": "bot.watches.heartbeats",
}
"""Where ``domain_of_piece`` of a watch reads its pieces. Imported where there are any: some bring numpy."""

REKEYED = (METRICS, "llm", "lineage", "models")
"""Those in whose pieces' names a domain is: ``rekeyed`` names them anew, ``subject_of`` says what they are about."""

log = structlog.get_logger(__name__)


class Piece(NamedTuple):
    watch: str
    name: str
    partition: int
    position: int
    home: int


class Subject(NamedTuple):
    """What a piece is about: a service or a model, in a domain."""

    domain: str
    name: str


class _Renamed(NamedTuple):
    """A piece before and after it was renamed."""

    name: str
    partition: int
    position: int
    before: bytes
    after: bytes


class Moves(NamedTuple):
    """What is to be done: ``shared`` pieces of a watch in a partition go to every place that others of it go to;
    ``unreadable`` and outdated ones go nowhere."""

    pieces: list[Piece]
    shared: list[Piece]
    unreadable: list[Piece]


async def plan(connection: AsyncConnection, rules: Rules) -> Moves:
    """Where every piece belongs under these rules. Nothing is changed."""
    moves = Moves([], [], [])
    for watch, partition in await homes.places_of_pieces(connection, MODULES):
        domain_of_piece: DomainOf = importlib.import_module(MODULES[watch]).domain_of_piece
        async for page in snapshots.pages(connection, partition, watch):
            for name, (position, state) in page.items():
                piece = Piece(watch, name, partition, position, partition)
                try:
                    domain = domain_of_piece(rules, name, state)
                except UNREADABLE as error:
                    log.warning("partitions.snapshot_left_out", watch=watch, name=name, reason=repr(error))
                    moves.unreadable.append(piece)
                    continue
                if domain is None:
                    moves.shared.append(piece)
                else:
                    moves.pieces.append(piece._replace(home=partition_of(domain, rules.partitions)))
    return moves


async def rename(connection: AsyncConnection, before: Rules, after: Rules, renamed: Renamed) -> set[Subject]:
    """Give the pieces whose names hold a domain those of their new one, which ``renamed`` says of the old one.

    Where several become one, the newest stays; returns what the others were about.
    """
    subjects: set[Subject] = set()
    for watch in sorted({watch for watch, _ in await homes.places_of_pieces(connection, REKEYED)}):
        module = importlib.import_module(MODULES[watch])
        newest: dict[str, _Renamed] = {}
        for _, partition in await homes.places_of_pieces(connection, [watch]):
            async for page in snapshots.pages(connection, partition, watch):
                for name, (position, state) in page.items():
                    try:
                        key, value = module.rekeyed(after, renamed, name, state)
                    except UNREADABLE:
                        continue  # it is left out where the pieces get their homes
                    if watch == METRICS and key == name:
                        continue  # a series, of which there may be very many
                    one = _Renamed(name, partition, position, state, value)
                    known = newest.setdefault(key, one)
                    older, newest[key] = sorted((known, one), key=lambda piece: piece.position)
                    if older is not newest[key]:
                        domain = module.domain_of_piece(before, older.name, older.before)
                        subjects.add(Subject(domain, module.subject_of(older.name, older.before)))
                    if (key, value) != (name, state):
                        await homes.drop_pieces(connection, watch, [name], partition)
        for key, one in newest.items():
            if (key, one.after) != (one.name, one.before):
                await homes.write_pieces(connection, watch, one.partition, {key: (one.position, one.after)})
    return subjects


async def carry_out(connection: AsyncConnection, moves: Moves, partitions: int, position: int) -> None:
    """Move the pieces. Of two of one name that come to one place, the newest stays."""
    await _drop(connection, moves.unreadable)
    at_home, outdated = newest([*moves.pieces, *_copies(moves)])
    shared = {(one.watch, one.name, one.partition) for one in moves.shared}
    copies = [one for one in at_home if (one.watch, one.name, one.partition) in shared]
    for (watch, before, after), names in _grouped(copies).items():
        await homes.copy_pieces(connection, watch, names, before, after)
    await _drop(connection, moves.shared)
    await _drop(connection, [one for one in outdated if (one.watch, one.name, one.partition) not in shared])
    moved = [one for one in moves.pieces if one.home != one.partition and one in at_home]
    for (watch, before, after), names in _grouped(moved).items():
        await homes.move_pieces(connection, watch, names, before, after)
    await homes.settle_pieces(connection, MODULES, partitions, position)


def _copies(moves: Moves) -> list[Piece]:
    reached: dict[tuple[str, int], set[int]] = {}
    for one in moves.pieces:
        reached.setdefault((one.watch, one.partition), set()).add(one.home)
    return [one._replace(home=home) for one in moves.shared for home in reached.get((one.watch, one.partition), ())]


def newest(pieces: list[Piece]) -> tuple[set[Piece], list[Piece]]:
    """Those that stay, and those that do not."""
    by_place: dict[tuple[str, str, int], Piece] = {}
    for one in pieces:
        known = by_place.get((one.watch, one.name, one.home))
        if known is None or known.position < one.position:
            by_place[one.watch, one.name, one.home] = one
    stay = set(by_place.values())
    return stay, [one for one in pieces if one not in stay]


def _grouped(pieces: list[Piece]) -> dict[tuple[str, int, int], list[str]]:
    found: dict[tuple[str, int, int], list[str]] = {}
    for one in pieces:
        found.setdefault((one.watch, one.partition, one.home), []).append(one.name)
    return found


async def _drop(connection: AsyncConnection, pieces: list[Piece]) -> None:
    for (watch, partition, _), names in _grouped([one._replace(home=0) for one in pieces]).items():
        await homes.drop_pieces(connection, watch, names, partition)
