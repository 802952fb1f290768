"""Endpoints beside Slack's own, for the page and the tests."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from bot.localslack.delivery import Delivery
from bot.localslack.events import SHORTCUTS
from bot.localslack.faults import Faults
from bot.localslack.panes import look_at, open_assistant
from bot.localslack.people import People
from bot.localslack.state import USERGROUP, Channel, Json, Workspace

KEEP_ALIVE = 10.0

Action = Callable[[Json], Awaitable[Any]]


class Control:
    def __init__(self, workspace: Workspace, people: People, delivery: Delivery, faults: Faults) -> None:
        self._workspace = workspace
        self._people = people
        self._delivery = delivery
        self._faults = faults
        self._stopping = asyncio.Event()

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/_local/state", self._state)
        app.router.add_get("/_local/calls", self._calls)
        app.router.add_get("/_local/live", self._live)
        actions: dict[str, Action] = {
            "click": self._click,
            "click_view": self._click_view,
            "command": lambda g: self._people.command(g["user"], g["channel"], g["command"], g.get("text", "")),
            "post": lambda g: self._people.post(g["user"], g["channel"], g["text"], g.get("thread_ts")),
            "react": lambda g: self._people.react(g["user"], g["channel"], g["ts"], g["name"]),
            "shortcut": lambda g: self._people.shortcut(g["user"], g["callback_id"], g.get("channel"), g.get("ts")),
            "suggest": lambda g: self._people.suggest(g["user"], g["action_id"], str(g.get("value") or "")),
            "open_home": lambda g: self._people.open_home(g["user"]),
            "open_assistant": lambda g: open_assistant(self._workspace, self._people, g["user"], g.get("viewed")),
            "look_at": self._look_at,
            "submit_view": lambda g: self._people.submit_view(g["user"], g["values"]),
            "close_view": lambda g: self._people.close_view(g["user"]),
            "faults": self._plan_fault,
            "request_url": self._set_request_url,
        }
        for name, action in actions.items():
            app.router.add_post(f"/_local/{name}", _door(action))

    def stop(self) -> None:
        """End the live streams, or the server would wait for them."""
        self._stopping.set()

    async def _state(self, request: web.Request) -> web.Response:
        """Everything; with ``last`` only that many of each channel's newest messages, and their threads."""
        last = int(request.query.get("last", "0"))
        return web.json_response(
            {
                "version": self._workspace.version,
                "users": self._workspace.users,
                "usergroups": {
                    group: "oncall" if group == USERGROUP else group for group in self._workspace.usergroups
                },
                "members": self._workspace.usergroups,
                "channels": [_described(channel, last) for channel in self._workspace.channels.values()],
                "ephemerals": list(self._workspace.ephemerals),
                "views": self._workspace.views,
                "homes": self._workspace.homes,
                "panes": [
                    {"channel": channel, "thread": thread, **pane}
                    for (channel, thread), pane in self._workspace.panes.items()
                ],
                "shortcuts": [shortcut._asdict() for shortcut in SHORTCUTS],
            }
        )

    async def _calls(self, request: web.Request) -> web.Response:
        return web.json_response(list(self._workspace.calls))

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: a line whenever the state has changed; the page then loads it anew."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        seen = -1
        while not self._stopping.is_set() and request.transport and not request.transport.is_closing():
            if seen == self._workspace.version:
                await self._wait_for_change(seen)
            seen = self._workspace.version
            with suppress(ConnectionResetError):  # the page was closed a moment ago; the loop ends
                await response.write(b'data: {"type": "changed"}\n\n')
        return response

    async def _wait_for_change(self, seen: int) -> None:
        try:
            async with asyncio.timeout(KEEP_ALIVE), self._workspace.changed:
                await self._workspace.changed.wait_for(
                    lambda: self._workspace.version != seen or self._stopping.is_set()
                )
        except TimeoutError:
            return

    async def _click(self, given: Json) -> int:
        user, channel, ts, action = (given[key] for key in ("user", "channel", "ts", "action_id"))
        return await self._people.click(user, channel, ts, action, given.get("state"), block=given.get("block_id"))

    async def _click_view(self, given: Json) -> int:
        user, kind, action = (given[key] for key in ("user", "view", "action_id"))
        return await self._people.click_view(user, kind, action, given.get("state"), given.get("block_id"))

    async def _look_at(self, given: Json) -> None:
        thread, message = str(given.get("thread_ts") or ""), str(given.get("message_ts") or "")
        await look_at(self._workspace, self._people, given["user"], given["viewed"], thread, message)

    async def _plan_fault(self, given: Json) -> None:
        if given.get("clear"):
            self._faults.clear()
        else:
            self._faults.plan(
                given["method"], given["kind"], int(given.get("count", 1)), int(given.get("retry_after", 1))
            )

    async def _set_request_url(self, given: Json) -> None:
        self._delivery.request_url = given["url"]


def _described(channel: Channel, last: int) -> Json:
    messages = channel.messages[-last:] if last > 0 else channel.messages
    threads = {m["ts"]: channel.threads[m["ts"]] for m in messages if m["ts"] in channel.threads}
    about = {"id": channel.id, "name": channel.name, "person": channel.person, "total": len(channel.messages)}
    return about | {"messages": messages, "threads": threads if last > 0 else channel.threads}


def _door(action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def take(request: web.Request) -> web.Response:
        try:
            given = json.loads(await request.text())
            return web.json_response({"ok": True, "result": await action(given)})
        except (KeyError, ValueError, TypeError) as error:
            return web.json_response({"ok": False, "error": str(error)}, status=400)

    return take


@web.middleware
async def same_origin(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Only the page itself may use these endpoints: no other site in the same browser, under whatever name."""
    if request.path.startswith("/_local/"):
        host = request.headers.get("Host", "").rpartition(":")[0].strip("[]") or request.headers.get("Host", "")
        origin = request.headers.get("Origin")
        if host not in ("127.0.0.1", "localhost", "::1") or (
            origin and urlsplit(origin).netloc != request.headers["Host"]
        ):
            raise web.HTTPForbidden
    return await handler(request)
