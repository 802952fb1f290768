"""Prometheus as a witness: what an expression is now, and what it was before an incident.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isnan
from statistics import median
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec

from bot.domain.runs.before_after import Sample, Span
from bot.domain.runs.query import PlannedQuery, judge, judge_burn_rate
from bot.domain.runs.verification import Look
from bot.integrations.http import ToolFailure, ToolRefused, call

WITHIN = 10.0
"""Seconds: an answer that comes later shows nothing this time."""
BEFORE, GAP, STEP = timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=1)
"""What it was before: an hour, up to some minutes before the incident's first alert, which takes time to fire."""
_MOST_KEPT = 256


@dataclass(frozen=True)
class Server:
    """``problem`` says why it cannot be asked at all."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    problem: str = ""


class _Data(msgspec.Struct, frozen=True):
    result_type: str = msgspec.field(name="resultType")
    result: Any


class _Answer(msgspec.Struct, frozen=True):
    data: _Data


class _Series(msgspec.Struct, frozen=True):
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] = []


_decode = msgspec.json.Decoder(_Answer).decode


class PrometheusReader:
    """Asks the servers that tandem.yaml names. What cannot be read shows nothing, and never that all is well."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self._servers = servers
        self._before: OrderedDict[tuple[PlannedQuery, datetime], float] = OrderedDict()

    async def read(self, query: PlannedQuery, opened_at: datetime, now: datetime) -> Look:
        """What a query shows now, for an incident that began at a moment."""
        server = self._servers.get(query.prometheus)
        problem = server.problem if server else f"there is no server {query.prometheus!r} in tandem.yaml"
        if server is None or problem:
            return Look(unproven=[f"{query.name} cannot be read: {problem}"])
        try:
            async with asyncio.timeout(WITHIN), aiohttp.ClientSession(trust_env=True) as session:
                return await self._judged(session, server, query, opened_at, now)
        except TimeoutError:
            return Look(unproven=[f"{query.name} cannot be read: no answer within {WITHIN:g} s"])
        except (ToolFailure, ToolRefused) as error:
            return Look(unproven=[f"{query.name} cannot be read: {error}"])
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError):
            return Look(unproven=[f"{query.name} cannot be read: the answer is none of Prometheus's"])

    async def _judged(
        self, session: aiohttp.ClientSession, server: Server, query: PlannedQuery, opened_at: datetime, now: datetime
    ) -> Look:
        if rate := query.burn_rate:
            long, short = [await _instant(session, server, expr, now) for expr in rate.expressions(query.expr)]
            return judge_burn_rate(query, rate, long, short)
        values = await _instant(session, server, query.expr, now)
        return judge(query, values, await self._was(session, server, query, opened_at) if query.needs_before else None)

    async def _was(
        self, session: aiohttp.ClientSession, server: Server, query: PlannedQuery, opened_at: datetime
    ) -> float | None:
        """What it was before, which does not change any more once it is known."""
        key = (query, opened_at)
        if key not in self._before:
            values = await _range(session, server, query.expr, opened_at - GAP - BEFORE, opened_at - GAP)
            known = [value for value in values if not isnan(value)]
            if not known:
                return None
            self._before[key] = median(known)
            if len(self._before) > _MOST_KEPT:
                self._before.popitem(last=False)
        return self._before[key]

    async def history(self, query: PlannedQuery, span: Span) -> list[Sample]:
        """What a query was over a span, the worst of its series at each moment. Raises what asking it does."""
        server = self._servers.get(query.prometheus)
        if server is None or server.problem:
            return []
        rate, worst = query.burn_rate, min if query.above is not None else max
        expr = rate.expressions(query.expr)[1] if rate else query.expr
        async with aiohttp.ClientSession(trust_env=True) as session:
            found = await _over(session, server, expr, span)
        known = {at: [value for value in values if not isnan(value)] for at, values in found.items()}
        worsts = [(datetime.fromtimestamp(at, UTC), worst(values)) for at, values in sorted(known.items()) if values]
        return [(at, rate.of_errors(value)) for at, value in worsts] if rate else worsts


async def _over(session: aiohttp.ClientSession, server: Server, expr: str, span: Span) -> dict[float, list[float]]:
    step = max(span.step.total_seconds(), 1.0)
    parameters = {"query": expr, "start": span.start.timestamp(), "end": span.end.timestamp(), "step": step}
    found = dict[float, list[float]]()
    for one in _series(await _query(session, server, "query_range", parameters)):
        for at, text in one.values:
            found.setdefault(at, []).append(float(text))
    return found


async def _instant(session: aiohttp.ClientSession, server: Server, expr: str, at: datetime) -> list[float]:
    data = await _query(session, server, "query", {"query": expr, "time": f"{at.timestamp():.3f}"})
    if data.result_type == "scalar":
        return [float(msgspec.convert(data.result, tuple[float, str])[1])]
    return [float(one.value[1]) for one in _series(data) if one.value]


async def _range(
    session: aiohttp.ClientSession, server: Server, expr: str, start: datetime, end: datetime
) -> list[float]:
    parameters = {"query": expr, "start": start.timestamp(), "end": end.timestamp(), "step": STEP.total_seconds()}
    return [
        float(text)
        for one in _series(await _query(session, server, "query_range", parameters))
        for _, text in one.values
    ]


def _series(data: _Data) -> Sequence[_Series]:
    return msgspec.convert(data.result, list[_Series])


async def _query(session: aiohttp.ClientSession, server: Server, what: str, parameters: Mapping[str, Any]) -> _Data:
    url = f"{server.url.rstrip('/')}/api/v1/{what}?{urlencode(parameters)}"
    return _decode(await call(session, "GET", url, server.headers)).data
