"""``/``, ``/incidents/{id}/report`` and ``/models/{model}/report``: pages for whoever has a token."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from math import ceil
from urllib.parse import parse_qs

from aiohttp import web

from bot.domain.access.scope import Scope
from bot.errors import InboxFull, NotFound, Refused, StorageUnavailable
from handlers.api.operation import Backend, Call, NoBody, NoQuery
from handlers.api.serving import RETRY_AFTER_OUTAGE
from handlers.api.tokens import Caller, Tokens
from handlers.http.body import Unreadable, read_body
from handlers.http.memory import share_of
from handlers.http.problem import come_again
from handlers.pages import sessions
from handlers.pages.rendering import page, policy
from handlers.pages.views import Asked, View, incident_report, model_report, overview

COOKIE = "tandem_session"
_MOST_FORM = 8192
_OURS = re.compile(r"/(?:(?:incidents|models)/[\w.~%-]{1,300}/report)?", re.ASCII)
_INCIDENTS, _MODELS = (Scope.INCIDENTS_READ,), (Scope.MODELS_READ,)
Show = Callable[[Asked], Awaitable[View]]


class Pages:
    """They change nothing: even a request that somebody else made a browser send does no harm."""

    def __init__(self, backend: Backend, tokens: Tokens) -> None:
        self._backend, self._tokens = backend, tokens

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/", self._shows(overview, _INCIDENTS + _MODELS))
        app.router.add_get("/incidents/{id}/report", self._shows(incident_report, _INCIDENTS))
        app.router.add_get("/models/{model}/report", self._shows(model_report, _MODELS))
        app.router.add_get("/sign-in", _sign_in_page)
        app.router.add_post("/sign-in", self._sign_in)
        app.router.add_post("/sign-out", self._sign_out)

    def _shows(self, show: Show, scopes: tuple[Scope, ...]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            caller = self._caller_of(request)
            if caller is None:
                return await self._who_are_you(request)
            if wait := self._tokens.wait_of(caller):
                why = f"{caller.name} may ask {caller.per_minute} times a minute."
                return await _problem(429, why, {"Retry-After": str(ceil(wait))})
            if not any(scope in caller.scopes for scope in scopes):
                return await _problem(403, f"The token {caller.name} lacks the scope {' or '.join(scopes)}.")
            return await self._answer(request, show, caller)

        return handle

    async def _answer(self, request: web.Request, show: Show, caller: Caller) -> web.Response:
        path = dict(request.match_info)
        call = Call(self._backend, caller, NoQuery(), NoBody(), path, self._backend.clock())
        try:
            view = await show(call)
        except NotFound as error:
            return await _problem(404, str(error))
        except Refused as error:
            return await _problem(409, str(error))
        except StorageUnavailable:
            why = "The database is not available: load the page again in a moment."
            return await _problem(503, why, come_again(RETRY_AFTER_OUTAGE))
        signed_in = COOKIE in request.cookies
        return await _html(200, View(view.template, {"reader": caller.name, "signed_in": signed_in, **view.content}))

    def _caller_of(self, request: web.Request) -> Caller | None:
        """Who shows a token; else who is signed in."""
        now = self._backend.clock()
        if authorization := request.headers.get("Authorization"):
            return self._tokens.caller_of(authorization, now)
        return sessions.caller_of(self._tokens, request.cookies.get(COOKIE, ""), now)

    async def _who_are_you(self, request: web.Request) -> web.Response:
        if not self._tokens.any:
            return await _problem(401, "No token is set: start Tandem with TANDEM_API_TOKEN or TANDEM_WEBHOOK_TOKEN.")
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            # A strict cookie does not come along with a link from elsewhere, as in Slack; with a page of ours it does.
            return await _html(200, View("again.html", {}))
        wrong = "Your session is over: sign in again." if COOKIE in request.cookies else ""
        return await _sign_in_form(request.rel_url.raw_path, wrong)

    async def _sign_in(self, request: web.Request) -> web.Response:
        if _from_elsewhere(request):
            return await _problem(403, "Sign in on the page of Tandem itself.")
        try:
            with share_of(request) as share:
                form = parse_qs((await read_body(request, _MOST_FORM, share)).decode(errors="replace"))
        except (Unreadable, InboxFull) as error:
            return await _problem(error.status if isinstance(error, Unreadable) else 429, str(error))
        except ValueError:
            return await _problem(400, "The form cannot be read.")
        wanted = form.get("to", ["/"])[0]
        session = sessions.begin(self._tokens, form.get("token", [""])[0], self._backend.clock())
        if session is None:
            return await _sign_in_form(wanted, "This token is unknown or has expired.")
        response = _see_other(wanted if _OURS.fullmatch(wanted) else "/")
        lasts = int(sessions.LASTS.total_seconds())
        response.set_cookie(
            COOKIE, session, max_age=lasts, path="/", httponly=True, samesite="Strict", secure=_is_https(request)
        )
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        if _from_elsewhere(request):
            return await _problem(403, "Sign out on the page of Tandem itself.")
        response = _see_other("/")
        response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict", secure=_is_https(request))
        return response


def _from_elsewhere(request: web.Request) -> bool:
    """Whether another site made the browser send this. https://www.w3.org/TR/fetch-metadata/"""
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")


def _is_https(request: web.Request) -> bool:
    """By the proxy's word, where one is in front."""
    return request.headers.get("X-Forwarded-Proto", request.scheme) == "https"


async def _sign_in_page(request: web.Request) -> web.Response:
    return await _sign_in_form("/", "")


async def _sign_in_form(path: str, wrong: str) -> web.Response:
    wanted = path if _OURS.fullmatch(path) else "/"
    return await _html(401, View("sign_in.html", {"to": wanted, "wrong": wrong}), {"WWW-Authenticate": "Bearer"})


async def _problem(status: int, why: str, headers: dict[str, str] | None = None) -> web.Response:
    return await _html(status, View("problem.html", {"why": why}), headers)


async def _html(status: int, view: View, headers: dict[str, str] | None = None) -> web.Response:
    body = await asyncio.to_thread(page, view.template, view.content)
    sent = {**_protecting(), **(headers or {})}
    return web.Response(body=body, status=status, content_type="text/html", charset="utf-8", headers=sent)


def _see_other(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path, **_protecting()})


def _protecting() -> dict[str, str]:
    return {
        "Content-Security-Policy": policy(),
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
