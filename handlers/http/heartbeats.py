"""``/heartbeats/{name}``: whatever runs by a schedule reports here, as it would to healthchecks.io.

``curl -fsS https://tandem.example/heartbeats/backup?token=…`` after success, ``…/backup/fail?token=…`` after a
failure. https://healthchecks.io/docs/http_api/
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from aiohttp import web

from bot.domain.event import PingEvent
from bot.domain.rules import Rules
from bot.errors import InboxFull, StorageUnavailable
from bot.inbox.intake import Intake, entries_for
from handlers.http.authentication import bearer_or_like
from handlers.http.endpoint import with_token
from handlers.http.problem import not_stored, problem
from handlers.sources.registry import nearest

SOURCE = "heartbeat"
_METHODS = ("GET", "POST", "HEAD")


def add_heartbeat_routes(
    app: web.Application, intake: Intake, token: str | None, clock: Callable[[], datetime], rules: Rules
) -> None:
    endpoint = _HeartbeatEndpoint(intake, token.encode() if token else None, clock, rules)
    for method in _METHODS:
        app.router.add_route(method, "/heartbeats/{name}", partial(endpoint.take, False))
        app.router.add_route(method, "/heartbeats/{name}/fail", partial(endpoint.take, True))


class _HeartbeatEndpoint:
    def __init__(self, intake: Intake, token: bytes | None, clock: Callable[[], datetime], rules: Rules) -> None:
        self._intake, self._token, self._clock, self._rules = intake, token, clock, rules

    async def take(self, failed: bool, request: web.Request) -> web.Response:
        if not bearer_or_like(with_token(request), self._token):
            return problem(401, "Send the token as Authorization: Bearer, or as ?token= of the address.")
        name = request.match_info["name"]
        heartbeat = self._rules.heartbeats.get(name)
        if heartbeat is None:
            return problem(404, f"No heartbeat is named {name[:60]!r} in tandem.yaml: {self._known(name)}")
        ping = PingEvent(SOURCE, name, heartbeat.labels, failed)
        rules = self._rules
        try:
            await self._intake.append(
                entries_for([ping], SOURCE, self._clock(), rules.correlation.partition_by, rules.partitions)
            )
        except (InboxFull, StorageUnavailable) as error:
            return not_stored(error)
        return web.json_response({"accepted": 1}, status=202)

    def _known(self, name: str) -> str:
        known: Mapping[str, object] = self._rules.heartbeats
        return nearest(name, known) if known else "it names none."
