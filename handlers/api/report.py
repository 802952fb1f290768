"""``GET /api/incidents/{id}/report.md``: the report of an incident, as Markdown."""

from aiohttp import web

from bot.domain.access.scope import Scope
from bot.errors import Refused, StorageUnavailable
from bot.incidents.reports.markdown import load, report_of
from handlers.api.found import incident_in
from handlers.api.operation import Backend, Call, NoBody, NoQuery
from handlers.api.query import problem_of_query
from handlers.api.serving import Serving, refusal
from handlers.http.problem import problem

SCOPES = (Scope.INCIDENTS_READ,)


class Reports:
    def __init__(self, serving: Serving, backend: Backend) -> None:
        self._serving, self._backend = serving, backend

    async def markdown(self, request: web.Request) -> web.StreamResponse:
        caller = self._serving.admitted(request, SCOPES)
        if isinstance(caller, web.Response):
            return caller
        if wrong := problem_of_query(request.query, []):
            return problem(400, wrong)
        now = self._backend.clock()
        call = Call(self._backend, caller, NoQuery(), NoBody(), dict(request.match_info), now)
        try:
            async with self._backend.database.read() as connection:
                told = await load(connection, await incident_in(connection, call, call.path["id"]), now)
        except (Refused, StorageUnavailable) as error:
            return refusal(error)
        return web.Response(text=report_of(told), content_type="text/markdown", charset="utf-8")
