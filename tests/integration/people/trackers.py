"""What stands in the place of GitHub, GitLab and Jira: they keep issues, and fail as they are told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


class Trackers:
    """``issues`` are what was posted. ``fails`` are the statuses of the next posts; those below 600 come before it is
    taken, 1000 more of them after that, as where an answer is lost."""

    def __init__(self) -> None:
        self.url = ""
        self.issues: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.fails: list[int] = []
        self.cloud = True

    async def list_github(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        page = int(request.query["page"])
        found = [self._github(number, one) for number, one in enumerate(self.issues, 1)][::-1]
        return web.json_response(found if page == 1 else [])

    async def post_github(self, request: web.Request) -> web.Response:
        return await self._post(request, self._github)

    def _github(self, number: int, given: dict[str, Any]) -> dict[str, Any]:
        return {**given, "number": number, "html_url": f"https://github.example/acme/shop/issues/{number}"}

    async def list_gitlab(self, request: web.Request) -> web.Response:
        assert request.query["in"] == "description"
        found = [self._gitlab(number, one) for number, one in enumerate(self.issues, 1)]
        return web.json_response([one for one in found if request.query["search"] in one["description"]])

    async def post_gitlab(self, request: web.Request) -> web.Response:
        return await self._post(request, self._gitlab)

    def _gitlab(self, number: int, given: dict[str, Any]) -> dict[str, Any]:
        return {**given, "iid": number, "web_url": f"https://gitlab.example/acme/shop/-/issues/{number}"}

    async def search_jira(self, request: web.Request) -> web.Response:
        if request.path.endswith("/jql") is not self.cloud:
            return web.json_response({"errorMessages": ["no such path"]}, status=404)
        jql = request.query["jql"]
        found = [
            {"key": f"OPS-{number}"}
            for number, one in enumerate(self.issues, 1)
            if any(f'labels = "{label}"' in jql for label in one["fields"]["labels"])
        ]
        return web.json_response({"issues": found})

    async def post_jira(self, request: web.Request) -> web.Response:
        return await self._post(request, lambda number, _: {"id": "1", "key": f"OPS-{number}"})

    async def _post(self, request: web.Request, made: Any) -> web.Response:
        status = self.fails.pop(0) if self.fails else 201
        if 400 <= status < 600:
            return web.json_response({"message": "Validation Failed"}, status=status)
        self.issues.append(await request.json())
        if status >= 1000:
            return web.json_response({}, status=status - 1000)
        return web.json_response(made(len(self.issues), self.issues[-1]), status=201)


@asynccontextmanager
async def trackers() -> AsyncIterator[Trackers]:
    found = Trackers()
    app = web.Application()
    app.router.add_get("/repos/acme/shop/issues", found.list_github)
    app.router.add_post("/repos/acme/shop/issues", found.post_github)
    app.router.add_get("/projects/{project}/issues", found.list_gitlab)
    app.router.add_post("/projects/{project}/issues", found.post_gitlab)
    app.router.add_get("/rest/api/2/search/jql", found.search_jira)
    app.router.add_get("/rest/api/2/search", found.search_jira)
    app.router.add_post("/rest/api/2/issue", found.post_jira)
    async with TestServer(app) as server:
        found.url = str(server.make_url("")).rstrip("/")
        yield found
