"""Which services were troubled together in the past: bounded, and fading where it is not seen again."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import chunks, table_of, upsert
from bot.storage.prepared import any_of, fetch_rows
from bot.storage.tables.correlation import CompanionRow
from detectors.correlation import TAUGHT, CoOccurrences, Seen

FADES = timedelta(days=30)
"""What was seen so long ago counts half."""
KEPT = timedelta(days=180)
MOST = 20_000
"""Rows of one partition; beyond, those seen longest ago go."""
MOST_AROUND = 2000
MOST_BESIDE = 500
OFTEN = 4.5
"""So often two services must have been in trouble together to be shown to people."""
MOSTLY = 0.6
"""And in so large a part of the episodes of the rarer one."""
_TABLE = table_of(CompanionRow)
_C = _TABLE.c
_KEY = (_C.domain, _C.service, _C.other)


def _newest(*these: ColumnElement[bool]) -> Select[Any]:
    """What was seen of some services in some domains, the last seen first."""
    here = and_(_C.domain.in_(any_of("domains")), _C.service.in_(any_of("services")))
    query = select(*_KEY, _C.near, _C.apart, _C.last_seen).where(here, *these)
    return query.order_by(_C.last_seen.desc(), *_KEY).limit(MOST_AROUND)


_TELLING = _newest(_C.service != _C.other, or_(_C.near > 1, _C.apart > 0))
_WITH_OTHERS = _newest(_C.other.in_(any_of("others")))
_EPISODES = _newest(_C.service == _C.other)

Pair = tuple[str, str]


async def learn(
    connection: AsyncConnection, partition: int, domain: str, seen: Mapping[Pair, float], now: datetime
) -> None:
    """Count pairs of services, each so often, as seen together now; a service with itself stands for its episodes."""
    before = await _counts(connection, domain, {service for service, _ in seen}, now)
    counted = {}
    for pair, count in seen.items():
        near, apart = before.get(pair, (0.0, 0.0))
        counted[pair] = near + count, apart
    await _write(connection, partition, domain, counted, now)


async def set_apart(
    connection: AsyncConnection, partition: int, domain: str, pairs: Iterable[Pair], now: datetime
) -> None:
    """A person has split these: what was seen of them together counts for nothing from now on."""
    wanted = set(pairs)
    before = await _counts(connection, domain, {service for service, _ in wanted}, now)
    counted = {pair: (0.0, before.get(pair, (0.0, 0.0))[1] + TAUGHT) for pair in wanted}
    await _write(connection, partition, domain, counted, now)


async def _counts(
    connection: AsyncConnection, domain: str, services: Iterable[str], now: datetime
) -> dict[Pair, tuple[float, float]]:
    found = {}
    for chunk in chunks(services):
        these = and_(_C.domain == domain, _C.service.in_(chunk))
        rows = await connection.execute(select(_C.service, _C.other, _C.near, _C.apart, _C.last_seen).where(these))
        for service, other, near, apart, seen in rows:
            left = _left(seen, now)
            found[service, other] = near * left, apart * left
    return found


def _left(seen: datetime, now: datetime) -> float:
    """What is left of a count after some time."""
    return float(0.5 ** (max(now - seen, timedelta()) / FADES))


async def _write(
    connection: AsyncConnection, partition: int, domain: str, counts: Mapping[Pair, tuple[float, float]], now: datetime
) -> None:
    rows = [
        {
            "domain": domain,
            "service": service,
            "other": other,
            "partition": partition,
            "near": near,
            "apart": apart,
            "last_seen": now,
        }
        for (service, other), (near, apart) in sorted(counts.items())
    ]
    await upsert(connection, _TABLE, rows)
    await _forget(connection, partition, now)


async def _forget(connection: AsyncConnection, partition: int, now: datetime) -> None:
    mine = _C.partition == partition
    await connection.execute(delete(_TABLE).where(mine, _C.last_seen < now - KEPT))
    count = await connection.scalar(select(func.count()).select_from(_TABLE).where(mine)) or 0
    if count > MOST:  # a tenth at once, so that it is not done again for each pair
        beyond = select(*_KEY).where(mine).order_by(_C.last_seen.desc(), *_KEY).offset(MOST - MOST // 10)
        await connection.execute(delete(_TABLE).where(mine, tuple_(*_KEY).in_(beyond)))


async def around(
    connection: AsyncConnection,
    domains: Iterable[str],
    services: Iterable[str],
    now: datetime,
    beside: Collection[str] = (),
) -> dict[str, CoOccurrences]:
    """For each domain what was seen of these services and others: more than once, or set apart by people.

    Of those that are ``beside`` them now everything counts, also that nothing was seen; and of each, with itself, how
    many episodes it had.
    """
    here = {"domains": sorted(set(domains)), "others": sorted(beside)[:MOST_BESIDE]}
    pairs: dict[tuple[str, str, str], tuple[float, float]] = {}
    for chunk in chunks(services):
        pairs |= await _faded(connection, _TELLING, here | {"services": chunk}, now)
    for chunk in chunks(services if beside else ()):
        pairs |= await _faded(connection, _WITH_OTHERS, here | {"services": chunk}, now)
    episodes: dict[tuple[str, str, str], tuple[float, float]] = {}
    for chunk in chunks({other for _, _, other in pairs} | set(beside)):
        episodes |= await _faded(connection, _EPISODES, here | {"services": chunk}, now)
    found: dict[str, dict[str, dict[str, Seen]]] = {}
    for (domain, service, other), (near, apart) in pairs.items():
        seen = Seen(near, episodes.get((domain, other, other), (0.0, 0.0))[0], apart)
        found.setdefault(domain, {}).setdefault(service, {})[other] = seen
    for (domain, service, _), (count, _) in episodes.items() if beside else ():
        found.setdefault(domain, {}).setdefault(service, {})[service] = Seen(count, count)
    return dict(found)


class Together(NamedTuple):
    """Two services of a domain that were in trouble together ``near`` of the ``episodes`` times of the rarer one."""

    domain: str
    service: str
    other: str
    near: int
    episodes: int


async def most_together(connection: AsyncConnection, now: datetime, most: int = 20) -> list[Together]:
    """Pairs that are so often in trouble together that one may depend on the other, the most often seen first.

    What the topology says of two is never counted here, and what people have set apart is left out.
    """
    pairs = and_(_C.service < _C.other, _C.near >= OFTEN, _C.apart == 0)
    rows = (
        await connection.execute(select(*_KEY, _C.near).where(pairs).order_by(_C.near.desc()).limit(MOST_AROUND))
    ).all()
    names = {(domain, name) for domain, service, other, _ in rows for name in (service, other)}
    episodes: dict[tuple[str, str], float] = {}
    for chunk in chunks({name for _, name in names}):
        own = and_(_C.service.in_(chunk), _C.service == _C.other)
        found = await connection.execute(select(_C.domain, _C.service, _C.near, _C.last_seen).where(own))
        episodes |= {(domain, service): near * _left(seen, now) for domain, service, near, seen in found}
    told = []
    for domain, service, other, near in rows:
        of_rarer = max(min(episodes.get((domain, name), 0.0) for name in (service, other)), near)
        if near >= MOSTLY * of_rarer:
            told.append(Together(domain, service, other, round(near), round(of_rarer)))
    return told[:most]


async def _faded(
    connection: AsyncConnection, query: Select[Any], values: Mapping[str, Any], now: datetime
) -> dict[tuple[str, str, str], tuple[float, float]]:
    rows = await fetch_rows(connection, query, values)
    return {
        (domain, service, other): (near * _left(seen, now), apart * _left(seen, now))
        for domain, service, other, near, apart, seen in rows
    }
