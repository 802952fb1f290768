"""``POST /api/v1/lineage``: what OpenLineage's clients post. It is on disk when the answer is given."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from aiohttp import web

from bot.domain.event import Event, bounded
from bot.domain.rules import Rules
from bot.errors import InboxFull, StorageUnavailable
from bot.inbox.intake import Intake, entries_for
from bot.observability.metrics import EVENTS_ACCEPTED, REQUESTS_REFUSED
from handlers.http.authentication import bearer
from handlers.http.body import Unreadable, read_body
from handlers.http.memory import share_of
from handlers.http.problem import not_stored, problem
from handlers.lineage.openlineage import NAME, parse
from handlers.sources.clean import clean
from handlers.sources.registry import Malformed

MAX_BODY = 5 * 2**20
MOST_AT_ONCE = 1000
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class LineageEndpoint:
    def __init__(self, intake: Intake, token: str | None, clock: Callable[[], datetime], rules: Rules) -> None:
        self._intake, self._clock = intake, clock
        self._token = token.encode() if token else None
        self._partition_by, self._partitions = rules.correlation.partition_by, rules.partitions
        self._described = frozenset(rules.depends_on) | {one for others in rules.depends_on.values() for one in others}

    async def take(self, request: web.Request) -> web.Response:
        if not bearer(request.headers, self._token):
            return _counted(problem(401, "Send the header Authorization: Bearer <TANDEM_WEBHOOK_TOKEN>."))
        unknown = sorted(set(request.query) - set(self._partition_by))
        if unknown:
            known = ", ".join(self._partition_by) or "none"
            return _counted(problem(400, f"{unknown[0][:60]!r} is no label of correlation.partition_by: {known}."))
        try:
            with share_of(request) as share:
                body = await read_body(request, MAX_BODY, share)
                accepted = await self._keep(body, {name: clean(value) for name, value in request.query.items()})
        except Unreadable as error:
            return _counted(problem(error.status, str(error)))
        except Malformed as error:
            return _counted(problem(400, f"The body cannot be taken: {error}"))
        except (InboxFull, StorageUnavailable) as error:
            return not_stored(error)
        return web.json_response({"accepted": accepted}, status=202)

    async def _keep(self, body: bytes, labels: dict[str, str]) -> int:
        """One event, or a list of them."""
        received_at = self._clock()
        parts = _parts(body)
        events: list[Event] = []
        for part in parts:
            events += parse(part, received_at, labels, self._partition_by, self._name)
        await self._intake.append(entries_for(events, NAME, received_at, self._partition_by, self._partitions))
        EVENTS_ACCEPTED.labels(NAME).inc(len(events))
        return len(parts)

    def _name(self, candidates: Sequence[str]) -> str:
        """The first that the topology describes, and else the last."""
        return bounded(clean(next((one for one in candidates if one in self._described), candidates[-1])))


def _parts(body: bytes) -> Sequence[bytes]:
    if not body.lstrip().startswith(b"["):
        return [body]
    try:
        parts = [bytes(one) for one in _decode_list(body)]
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed(str(error)) from error
    if len(parts) > MOST_AT_ONCE:
        raise Unreadable(413, f"At most {MOST_AT_ONCE} events are taken at once.")
    return parts


def _counted(answer: web.Response) -> web.Response:
    REQUESTS_REFUSED.labels(str(answer.status)).inc()
    return answer


def add_lineage_routes(
    app: web.Application, intake: Intake, token: str | None, clock: Callable[[], datetime], rules: Rules
) -> None:
    """The endpoint of OpenLineage's clients. ``token`` is the bearer token that senders show."""
    app.router.add_post("/api/v1/lineage", LineageEndpoint(intake, token, clock, rules).take)
