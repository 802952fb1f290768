"""Small servers that speak the APIs of tools as their documentation says: status codes, headers, bodies.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
https://developer.pagerduty.com/api-reference/8a0e1aa2ec666-update-an-incident
https://docs.opsgenie.com/docs/alert-api
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bot.domain.event import AlertEvent
from tests.conftest import Clock


class ToolServer:
    """``refuse`` says which methods are answered with which status; ``lose`` drops the connection after all is done."""

    def __init__(self) -> None:
        self.url = ""
        self.refuse: dict[str, int] = {}
        self.lose = False
        self.calls: list[tuple[str, str]] = []

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    def authentic(self, request: web.Request) -> bool:
        raise NotImplementedError

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        app = web.Application(middlewares=[self._gate])
        app.add_routes(self.routes())
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            await runner.cleanup()

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method != "GET":
            self.calls.append((request.method, request.path))
        if not self.authentic(request):
            return web.json_response({"message": "Unauthorized"}, status=401)
        if request.method in self.refuse:
            echoed = request.headers.get("Authorization", "")
            return web.json_response({"message": f"not you: {echoed}"}, status=self.refuse[request.method])
        answer: web.StreamResponse = await handler(request)
        if self.lose and request.transport:
            request.transport.close()
        return answer


class ListServer(ToolServer):
    """Alertmanager's API for alerts and its status, or Grafana's under its prefix."""

    def __init__(self, clock: Clock, prefix: str = "", token: str = "") -> None:
        super().__init__()
        self.prefix, self.token = prefix, token
        self.began_at = clock.now - timedelta(days=1)
        self.config = ""
        self.alerts: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[web.RouteDef]:
        api = f"{self.prefix}/api/v2"
        return [web.get(f"{api}/alerts", self._list), web.get(f"{api}/status", self._status)]

    def authentic(self, request: web.Request) -> bool:
        return not self.token or request.headers.get("Authorization") == f"Bearer {self.token}"

    def add(self, alert: AlertEvent, state: str = "active", receiver: str = "tandem") -> None:
        """As it lists an alert that it also delivers."""
        self.alerts[alert.fingerprint] = {
            "fingerprint": alert.fingerprint,
            "labels": alert.labels | {"__private__": "x"},
            "annotations": {"summary": "as listed"},
            "startsAt": alert.starts_at.isoformat(),
            "endsAt": "2099-01-01T00:00:00Z",
            "updatedAt": alert.starts_at.isoformat(),
            "generatorURL": "http://prometheus.example/graph",
            "receivers": [{"name": receiver}],
            "status": {"state": state, "silencedBy": [], "inhibitedBy": []},
        }

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response(list(self.alerts.values()))

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response({"uptime": self.began_at.isoformat(), "config": {"original": self.config}})


class SilenceServer(ToolServer):
    """Alertmanager's API for silences, or Grafana's under its prefix, which answers 202 to a new one."""

    def __init__(self, clock: Clock, prefix: str = "", token: str = "", created: int = 200) -> None:
        super().__init__()
        self.clock, self.prefix, self.token, self.created = clock, prefix, token, created
        self.silences: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[web.RouteDef]:
        api = f"{self.prefix}/api/v2"
        return [
            web.get(f"{api}/silences", self._list),
            web.post(f"{api}/silences", self._add),
            web.delete(f"{api}/silence/{{id}}", self._end),
        ]

    def authentic(self, request: web.Request) -> bool:
        return not self.token or request.headers.get("Authorization") == f"Bearer {self.token}"

    def active(self) -> list[dict[str, Any]]:
        return [one for one in map(self._shown, self.silences.values()) if one["status"]["state"] == "active"]

    def make(self, ends_at: datetime, *matchers: dict[str, Any], **fields: str) -> str:
        silence = uuid.uuid4().hex
        self.silences[silence] = {
            "id": silence,
            "matchers": list(matchers),
            "startsAt": self.clock.now.isoformat(),
            "endsAt": ends_at.isoformat(),
            "createdBy": "alice",
            "comment": "known",
            **fields,
        }
        return silence

    def _shown(self, silence: dict[str, Any]) -> dict[str, Any]:
        over = datetime.fromisoformat(silence["endsAt"]) <= self.clock.now
        return {**silence, "status": {"state": "expired" if over else "active"}, "updatedAt": silence["startsAt"]}

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response([self._shown(one) for one in self.silences.values()])

    async def _add(self, request: web.Request) -> web.Response:
        body = await request.json()
        if replaced := body.pop("id", None):
            if replaced not in self.silences:
                return web.Response(status=404)
            self.silences[replaced]["endsAt"] = self.clock.now.isoformat()
        made = self.make(datetime.fromisoformat(body.pop("endsAt")), *body.pop("matchers"), **body)
        return web.json_response({"silenceID": made}, status=self.created)

    async def _end(self, request: web.Request) -> web.Response:
        silence = self.silences.get(request.match_info["id"])
        if silence is None:
            return web.Response(status=404)
        silence["endsAt"] = self.clock.now.isoformat()
        return web.Response()


class PagerDutyServer(ToolServer):
    token, sender = "pd-token-of-the-test", "bot@acme.example"

    def __init__(self) -> None:
        super().__init__()
        self.statuses: dict[str, str] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.put("/incidents/{id}", self._update)]

    def authentic(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Token token={self.token}"

    async def _update(self, request: web.Request) -> web.Response:
        incident = (await request.json())["incident"]
        if request.headers.get("From") != self.sender or incident["type"] not in ("incident", "incident_reference"):
            return web.json_response({"error": {"message": "Requester User Not Found", "code": 1008}}, status=400)
        assert request.headers["Accept"] == "application/vnd.pagerduty+json;version=2"
        self.statuses[request.match_info["id"]] = incident["status"]
        return web.json_response({"incident": {"id": request.match_info["id"], **incident}})


class OpsgenieServer(ToolServer):
    token = "og-token-of-the-test"

    def __init__(self) -> None:
        super().__init__()
        self.statuses: dict[str, str] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v2/alerts/{id}/{action:acknowledge|close}", self._update)]

    def authentic(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"GenieKey {self.token}"

    async def _update(self, request: web.Request) -> web.Response:
        assert request.query["identifierType"] == "id"
        self.statuses[request.match_info["id"]] = request.match_info["action"]
        accepted = {"result": "Request will be processed", "took": 0.1, "requestId": str(uuid.uuid4())}
        return web.json_response(accepted, status=202)
