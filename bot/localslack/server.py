"""The server: Slack's Web API on one port, with the page and the tests' endpoints beside it."""

import asyncio
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from email.utils import formatdate
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.localslack import channels as made_channels
from bot.localslack import files, methods, panes, unfurls, views
from bot.localslack.control import Control, same_origin
from bot.localslack.delivery import Delivery, sign
from bot.localslack.events import EVENT_SCOPES, EVENTS, NEEDED, SCOPES
from bot.localslack.faults import SLOW_SECONDS, Fault, Faults
from bot.localslack.limits import Limits
from bot.localslack.method import METHODS, Failed
from bot.localslack.openid import SignIn
from bot.localslack.people import People
from bot.localslack.state import DEFAULT_USERS, USERGROUP, Channel, Json, Workspace, channel_id_of

STATIC = Path(__file__).parent / "static"
assert methods and files and views and made_channels and unfurls and panes  # importing them fills METHODS
MAX_BODY = 20 * 2**20


class LocalSlack:
    """A workspace with one app, as an async context manager.

    ``url`` is the page, ``api_url`` the Web API's base, ``request_url`` where the app takes Slack's requests.
    With ``enforce_rate_limit`` the limits hold that Slack documents (:mod:`bot.localslack.limits`), after a ``burst``
    of posts in a channel.
    ``scopes`` are what the token may do, ``not_joined`` the channels to which nobody invited the app. ``guests``,
    ``foreign``, ``deactivated``, ``usergroups`` and ``disabled`` say who of ``users`` is what (see
    :class:`Workspace`), and may be changed; so may what :meth:`channel` gives. ``events`` are the kinds of events that
    the app subscribes to: it gets those that its scopes allow. Without ``agent_view`` its conversations are threads
    that are opened at the side, as in older apps.
    """

    def __init__(
        self,
        port: int = 0,
        bot_token: str = "xoxb-local",
        app_token: str = "xapp-local",
        signing_secret: str = "local-secret",
        request_url: str | None = None,
        channels: Sequence[str] = ("incidents",),
        users: Mapping[str, str] = DEFAULT_USERS,
        host: str = "127.0.0.1",
        enforce_rate_limit: bool = False,
        burst: int = 3,
        scopes: str = SCOPES,
        not_joined: Collection[str] = (),
        clock: Callable[[], float] = time.time,
        events: Collection[str] = EVENTS,
        agent_view: bool = True,
    ) -> None:
        self.bot_token, self.app_token, self.signing_secret = bot_token, app_token, signing_secret
        self._host, self._port = host, port
        self._scopes, self._clock = scopes, clock
        made = [Channel(channel_id_of(name), name, name not in not_joined) for name in (*channels, *not_joined)]
        self._workspace = Workspace(dict(users), {channel.id: channel for channel in made})
        self._workspace.events |= {one for one in events if EVENT_SCOPES.get(one, "") in ("", *scopes.split(","))}
        self._workspace.agent_view = agent_view
        self._workspace.usergroups[USERGROUP] = [next(iter(users))] if users else []
        self.guests, self.foreign = self._workspace.guests, self._workspace.foreign
        self.deactivated = self._workspace.deactivated
        self.usergroups, self.disabled = self._workspace.usergroups, self._workspace.disabled
        self._delivery = Delivery(signing_secret, request_url, clock)
        self._faults = Faults()
        self._people = People(self._workspace, self._delivery)
        self.sign_in = SignIn(self._workspace, clock)
        self._control = Control(self._workspace, self._people, self._delivery, self._faults)
        self._enforce, self._limits = enforce_rate_limit, Limits(burst)
        self.url = self.api_url = ""
        self.click, self.command, self.submit_view = self._people.click, self._people.command, self._people.submit_view
        self.users, self.open_home = self._workspace.users, self._people.open_home
        self.click_view, self.shortcut = self._people.click_view, self._people.shortcut
        self.suggest = self._people.suggest
        self.open_assistant = partial(panes.open_assistant, self._workspace, self._people)
        self.happened = self._people.happened
        self.look_at = partial(panes.look_at, self._workspace, self._people)
        self.post, self.react, self.clear_faults = self._people.post, self._people.react, self._faults.clear
        self.disconnect, self.send_again = self._delivery.disconnect, self._delivery.send_again
        self.send_event_again = self._delivery.send_event_again

    @property
    def request_url(self) -> str | None:
        return self._delivery.request_url

    @request_url.setter
    def request_url(self, url: str | None) -> None:
        self._delivery.request_url = url

    @property
    def calls(self) -> list[Json]:
        """The calls that came in, each with method, moment, channel, the fault it met and how it was answered."""
        return list(self._workspace.calls)

    @property
    def limited(self) -> Mapping[str, int]:
        """How many calls of each method came sooner than the limits allow, where they are enforced."""
        return dict(self._limits.refused)

    @property
    def connected(self) -> bool:
        """Whether an app is connected in Socket Mode."""
        return bool(self._delivery.sockets)

    def messages(self, channel: str) -> list[Json]:
        """The channel's messages as they are now, the oldest first, without replies."""
        return deepcopy(self.channel(channel).messages)

    def replies(self, channel: str, ts: str) -> list[Json]:
        return deepcopy(self.channel(channel).threads.get(ts, []))

    def ephemerals(self, user: str) -> list[Json]:
        """What only this person saw."""
        return [message for message in self._workspace.ephemerals if message["user"] == user]

    def view(self, user: str) -> Json | None:
        """The form that is open for a person."""
        return self._workspace.views.get(user)

    def pane(self, user: str, thread: str = "") -> Json:
        """What stands around a conversation with the app: title, status, prompts and the heading of these."""
        return deepcopy(panes.pane_at(self._workspace, self._workspace.direct(user), thread))

    def all_channels(self) -> list[Channel]:
        return deepcopy([one for one in self._workspace.channels.values() if not one.person])

    def home(self, user: str) -> Json | None:
        """The app's page as a person sees it."""
        return deepcopy(self._workspace.homes.get(user))

    def fail(
        self, method: str, kind: str, count: int = 1, retry_after: int = 1, error: str = "fatal_error", about: str = ""
    ) -> None:
        """Let the next calls of a method, or of all (``*``), fail in a way; see :mod:`bot.localslack.faults`.

        The method ``socket`` is the connection of Socket Mode: ``refused`` ends with ``error`` as soon as it has begun,
        ``timeout`` hangs, ``revoked`` is answered with 403, and anything else with 503.
        """
        self._faults.plan(method, kind, count, retry_after, error, about)

    def sign(self, body: bytes, timestamp: int) -> dict[str, str]:
        return sign(self.signing_secret, body, timestamp)

    def add_channel(self, name: str, id: str) -> Channel:
        """A new one, which the app is in. Another one may have had its name before."""
        return self._workspace.channels.setdefault(id, Channel(id, name))

    def channel(self, name: str) -> Channel:
        """By name or id. Raises KeyError."""
        found = self._workspace.channel(name)
        if found is None:
            raise KeyError(f"no channel {name}")
        return found

    async def __aenter__(self) -> "LocalSlack":
        app = web.Application(client_max_size=MAX_BODY, middlewares=[same_origin])
        self.sign_in.add_routes(app)
        app.router.add_route("*", "/api/{method}", self._call)
        app.router.add_get("/_socket", self._socket)
        app.router.add_post("/_response/{token}", self._respond)
        app.router.add_route("*", "/_files/{id}", self._file)
        app.router.add_get("/", self._page)
        app.router.add_static("/static", STATIC)
        self._control.add_routes(app)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        port = self._runner.addresses[0][1]
        self.url = self._people.base = self.sign_in.base = f"http://{self._host}:{port}"
        self.api_url = f"{self.url}/api/"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._control.stop()
        self._faults.released.set()
        await self._workspace.touch()
        await self.disconnect()
        await self._runner.cleanup()

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "index.html")

    async def _call(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        given = await _arguments(request)
        fault = self._faults.take(name, str(given))
        call: Json = {"method": name, "at": time.time(), "channel": given.get("channel"), "ok": False, "error": None}
        call["fault"] = fault.kind if fault else None
        self._workspace.calls.append(call)
        if fault:
            broken = await self._break(fault, request)
            if broken is not None:
                return broken
        answer, status, headers = await self._answer(name, given, request, fault)
        call["ok"], call["error"] = answer["ok"], answer.get("error")
        await self._workspace.touch()
        if fault and fault.kind == "timeout":
            await self._faults.hang()
        return web.json_response(answer, status=status, headers=headers)

    async def _answer(
        self, name: str, given: Json, request: web.Request, fault: Fault | None
    ) -> tuple[Json, int, dict[str, str]]:
        headers = {"Date": formatdate(self._clock(), usegmt=True), "X-OAuth-Scopes": self._scopes}
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(given.get("token", ""))
        try:
            if fault and fault.kind == "revoked":
                raise Failed("token_revoked")
            if fault and fault.kind == "refused":
                raise Failed(fault.error)
            if name == "apps.connections.open":
                return {"ok": True, **self._open_connection(token)}, 200, headers
            if token != self.bot_token:
                raise Failed("invalid_auth" if token else "not_authed")
            wait = self._limits.wait_for(name, str(given.get("channel", ""))) if self._enforce else 0.0
            if wait > 0:
                return {"ok": False, "error": "ratelimited"}, 429, {**headers, "Retry-After": str(ceil(wait))}
            needed = NEEDED.get(name)
            if needed and needed not in self._scopes.split(","):
                raise Failed("missing_scope", needed=needed, provided=self._scopes)
            if name not in METHODS:
                raise Failed("unknown_method", req_method=name)
            return {"ok": True, **METHODS[name](self._workspace, given, self.url)}, 200, headers
        except Failed as failed:
            return failed.answer, 200, headers
        except (ValueError, TypeError, KeyError):
            return {"ok": False, "error": "invalid_arguments"}, 200, headers

    async def _break(self, fault: Fault, request: web.Request) -> web.StreamResponse | None:
        """The answer of a fault that has one; None where the call takes effect all the same, or is refused."""
        if fault.kind == "429":
            answer = {"ok": False, "error": "ratelimited"}
            return web.json_response(answer, status=429, headers={"Retry-After": str(fault.retry_after)})
        if fault.kind == "500":
            return web.Response(status=500, text="<html>upstream error</html>")
        if fault.kind == "timeout_before":
            await self._faults.hang()
        if fault.kind == "down" and request.transport:
            request.transport.abort()
            return web.Response(status=500)
        if fault.kind == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        return None

    def _open_connection(self, token: str) -> Json:
        if token != self.app_token:
            raise Failed("invalid_auth")
        ticket = uuid.uuid4().hex
        self._delivery.tickets.add(ticket)
        return {"url": f"{self.url.replace('http', 'ws', 1)}/_socket?ticket={ticket}"}

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        """A Socket Mode connection. Its address holds once, also where the connection then fails."""
        fault = self._faults.take("socket")
        if fault:
            self._delivery.tickets.discard(request.query.get("ticket", ""))
            if fault.kind == "refused":
                return await self._delivery.turn_away(request, fault.error)
            if fault.kind == "timeout":
                await self._faults.hang()
            raise web.HTTPForbidden if fault.kind == "revoked" else web.HTTPServiceUnavailable
        return await self._delivery.serve_socket(request)

    async def _respond(self, request: web.Request) -> web.Response:
        taken = await self._people.take_response(request.match_info["token"], await request.json())
        return web.Response(text="ok") if taken else web.json_response({"ok": False, "error": "used_url"}, status=404)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return await files.serve_file(self._workspace, request)


async def _arguments(request: web.Request) -> dict[str, Any]:
    """A call's arguments, from the query, a form or a JSON body."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json" and request.can_read_body:
        body = await request.json()
        return given | (body if isinstance(body, dict) else {})
    return given | {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
