"""``/``, ``/incidents/{id}/report`` and ``/models/{model}/report``: pages for whoever has a token."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from math import ceil
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlencode

import structlog
from aiohttp import web

from bot.domain.access.scope import Scope
from bot.errors import Forbidden, InboxFull, NotFound, Outdated, Refused, StorageUnavailable
from bot.integrations.openid import NotSignedIn
from bot.routing.schedules.roster import Roster
from handlers.api.operation import Backend, Call, Invalid, NoBody, NoQuery
from handlers.api.serving import RETRY_AFTER_OUTAGE, Serving
from handlers.api.tokens import Caller, Tokens
from handlers.http.body import Unreadable, read_body
from handlers.http.memory import share_of
from handlers.http.problem import come_again
from handlers.pages import actions, sessions
from handlers.pages.lately import LatelyNoisy
from handlers.pages.model import model_report
from handlers.pages.rendering import page, policy
from handlers.pages.slack_sign_in import COOKIE as SLACK_COOKIE
from handlers.pages.slack_sign_in import LASTS_ON_THE_WAY, SlackSignIn
from handlers.pages.slack_sign_in import PATH as SLACK_PATH
from handlers.pages.view import Asked, View
from handlers.pages.views import incident_report, noise, overview

COOKIE = "tandem_session"
_MOST_SIGN_IN = 8192
_OURS = re.compile(r"/(?:noise|(?:incidents|models)/[\w.~%-]{1,300}/report)?", re.ASCII)
_INCIDENTS, _MODELS = (Scope.INCIDENTS_READ,), (Scope.MODELS_READ,)
Show = Callable[[Asked], Awaitable[View]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger(__name__)


class Reader(NamedTuple):
    """Who looks at a page; only whoever is signed in is shown forms, which have the key of their session."""

    caller: Caller
    form_key: str = ""


class Pages:
    """Pages, and what is done on them: only by a form of a page that the same session was shown."""

    def __init__(
        self, backend: Backend, tokens: Tokens, roster: Roster | None = None, slack: SlackSignIn | None = None
    ) -> None:
        self._backend, self._tokens, self._roster, self._slack = backend, tokens, roster, slack
        self._serving, self._noisy = Serving(backend, tokens), LatelyNoisy()
        self._noisy_for_long = LatelyNoisy(timedelta(days=30))

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/", self._shows(self._overview, _INCIDENTS + _MODELS))
        app.router.add_get("/incidents/{id}/report", self._shows(incident_report, _INCIDENTS))
        app.router.add_get("/noise", self._shows(self._noise, _INCIDENTS))
        app.router.add_get("/models/{model}/report", self._shows(model_report, _MODELS))
        app.router.add_post("/incidents/{id}/acknowledge", self._does("acknowledge"))
        app.router.add_post("/incidents/{id}/resolve", self._does("resolve"))
        app.router.add_post("/incidents/{id}/notes", self._does("note"))
        app.router.add_get("/sign-in", self._sign_in_page)
        app.router.add_post("/sign-in", self._sign_in)
        app.router.add_post("/sign-out", self._sign_out)
        app.on_cleanup.append(self._close)
        if self._slack is not None:
            app.router.add_get("/sign-in/slack", partial(_to_slack, self._slack))
            app.router.add_get("/sign-in/slack/back", partial(self._from_slack, self._slack))

    async def _close(self, app: web.Application) -> None:
        await self._noisy.close()
        await self._noisy_for_long.close()

    async def _overview(self, call: Asked) -> View:
        return await overview(call, self._roster, self._noisy)

    async def _noise(self, call: Asked) -> View:
        return await noise(call, self._noisy_for_long)

    def _shows(self, show: Show, scopes: tuple[Scope, ...]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            reader = await self._reader_of(request)
            if reader is None:
                return await self._who_are_you(request)
            try:
                self._admit(reader.caller, scopes)
                return await self._answer(request, show, reader)
            except _NOT_DONE as error:
                return await _refusal(error)

        return handle

    def _does(self, name: str) -> Handler:
        wanted = actions.action(name)

        async def handle(request: web.Request) -> web.StreamResponse:
            report = f"/incidents/{quote(request.match_info['id'], safe='')}/report"
            try:
                session = await self._session_of(request)
                if session is None:
                    return await self._sign_in_form(report, "Your session is over: sign in again. Nothing was done.")
                form = await _form_of(request, actions.MOST_FORM)
                if _from_elsewhere(request) or not actions.is_of(form, session.form_key):
                    raise Forbidden("This form is not one of your session: load the page again. Nothing was done.")
                self._admit(session.caller, wanted.operation.scopes)
                at = request.match_info["id"]
                await actions.perform(self._backend, self._serving, wanted, session.caller, at, form)
            except _NOT_DONE as error:
                return await _refusal(error, report)
            return _see_other(report)

        return handle

    def _admit(self, caller: Caller, scopes: tuple[Scope, ...]) -> None:
        """Raises Busy, Forbidden."""
        if wait := self._tokens.wait_of(caller):
            raise Busy(f"{caller.name} may ask {caller.per_minute} times a minute.", ceil(wait))
        if not any(scope in caller.scopes for scope in scopes):
            raise Forbidden(f"The token {caller.name} lacks the scope {' or '.join(scopes)}.")

    async def _answer(self, request: web.Request, show: Show, reader: Reader) -> web.Response:
        path = dict(request.match_info)
        view = await show(Call(self._backend, reader.caller, NoQuery(), NoBody(), path, self._backend.clock()))
        writes = reader.form_key and Scope.INCIDENTS_WRITE in reader.caller.scopes
        content = {
            "reader": self._name_of(reader.caller),
            "is_person": reader.caller.actor is not None,
            "signed_in": COOKIE in request.cookies,
            "form_key": reader.form_key if writes else "",
            "once": secrets.token_hex(16),
        }
        return await _html(200, View(view.template, {**content, **view.content}))

    def _name_of(self, caller: Caller) -> str:
        return self._roster.name_of(caller.name) if caller.actor and self._roster else caller.name

    async def _reader_of(self, request: web.Request) -> Reader | None:
        """Who shows a token; else who is signed in."""
        if authorization := request.headers.get("Authorization"):
            caller = self._tokens.caller_of(authorization, self._backend.clock())
            return Reader(caller) if caller else None
        session = await self._session_of(request)
        return Reader(session.caller, session.form_key) if session else None

    async def _session_of(self, request: web.Request) -> sessions.Session | None:
        cookie = request.cookies.get(COOKIE, "")
        if self._slack is not None and (of_a_person := await self._slack.session_of(cookie)):
            return of_a_person
        return sessions.find(self._tokens, cookie, self._backend.clock())

    async def _who_are_you(self, request: web.Request) -> web.Response:
        if not self._tokens.any and self._slack is None:
            return await _problem(401, "No token is set: start Tandem with TANDEM_API_TOKEN or TANDEM_WEBHOOK_TOKEN.")
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            # A strict cookie does not come along with a link from elsewhere, as in Slack; with a page of ours it does.
            return await _html(200, View("again.html", {}))
        wrong = "Your session is over: sign in again." if COOKIE in request.cookies else ""
        return await self._sign_in_form(request.rel_url.raw_path, wrong)

    async def _sign_in(self, request: web.Request) -> web.Response:
        if _from_elsewhere(request):
            return await _problem(403, "Sign in on the page of Tandem itself.")
        try:
            form = await _form_of(request, _MOST_SIGN_IN)
        except _NOT_DONE as error:
            return await _refusal(error)
        wanted = form.get("to", ["/"])[0]
        session = sessions.begin(self._tokens, actions.field(form, "token"), self._backend.clock())
        if session is None:
            return await self._sign_in_form(wanted, "This token is unknown or has expired.")
        return _signed_in(request, session, wanted)

    async def _from_slack(self, slack: SlackSignIn, request: web.Request) -> web.Response:
        """Slack sends the browser back: with a code, or with why there is none."""
        try:
            cookie, state = request.cookies.get(SLACK_COOKIE, ""), request.query.get("state", "")
            if "code" not in request.query:
                raise NotSignedIn("Slack let nobody in")
            session, wanted = await slack.finish(cookie, state, request.query["code"][:_MOST_SIGN_IN])
        except NotSignedIn as error:
            log.warning("pages.not_signed_in", reason=str(error))
            response = await self._sign_in_form("/", f"Signing in with Slack did not work: {error}.")
        else:
            response = _signed_in(request, session, wanted)
        response.del_cookie(SLACK_COOKIE, path=SLACK_PATH)
        return response

    async def _sign_in_page(self, request: web.Request) -> web.Response:
        return await self._sign_in_form("/", "")

    async def _sign_in_form(self, path: str, wrong: str) -> web.Response:
        wanted = path if _OURS.fullmatch(path) else "/"
        by_slack = f"{SLACK_PATH}?{urlencode({'to': wanted})}" if self._slack else ""
        content = {"to": wanted, "wrong": wrong, "by_slack": by_slack, "by_token": self._tokens.any}
        return await _html(401, View("sign_in.html", content), {"WWW-Authenticate": "Bearer"})

    async def _sign_out(self, request: web.Request) -> web.Response:
        if _from_elsewhere(request):
            return await _problem(403, "Sign out on the page of Tandem itself.")
        response = _see_other("/")
        response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict", secure=_is_https(request))
        return response


class Busy(Refused):
    """The token has asked as often as it may for now."""

    def __init__(self, why: str, wait: int) -> None:
        super().__init__(why)
        self.wait = wait


_NOT_DONE = (Refused, Invalid, Unreadable, InboxFull, StorageUnavailable)


async def _refusal(
    error: Refused | Invalid | Unreadable | InboxFull | StorageUnavailable, back: str = ""
) -> web.Response:
    """What stood in the way, as a page; ``back`` is where it was tried."""
    match error:
        case Busy():
            return await _problem(429, str(error), {"Retry-After": str(error.wait)}, back)
        case Unreadable():
            return await _problem(error.status, str(error), None, back)
        case Invalid():
            return await _problem(400, str(error), None, back)
        case InboxFull():
            return await _problem(429, str(error), come_again(error.retry_after), back)
        case Refused():
            status = {NotFound: 404, Forbidden: 403, Outdated: 412}.get(type(error), 409)
            return await _problem(status, str(error), None, back)
    why = "The database is not available: load the page again in a moment."
    return await _problem(503, why, come_again(RETRY_AFTER_OUTAGE), back)


async def _form_of(request: web.Request, most: int) -> actions.Form:
    """Raises Unreadable, InboxFull, Invalid."""
    with share_of(request) as share:
        body = await read_body(request, most, share)
    try:
        return parse_qs(body.decode(errors="replace"), max_num_fields=20)
    except ValueError as error:
        raise Invalid("The form cannot be read.") from error


def _from_elsewhere(request: web.Request) -> bool:
    """Whether another site made the browser send this. https://www.w3.org/TR/fetch-metadata/"""
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")


def _is_https(request: web.Request) -> bool:
    """By the proxy's word, where one is in front."""
    return request.headers.get("X-Forwarded-Proto", request.scheme) == "https"


async def _to_slack(slack: SlackSignIn, request: web.Request) -> web.Response:
    wanted = request.query.get("to", "/")
    begun = slack.begin(wanted if _OURS.fullmatch(wanted) else "/")
    response = _see_other(begun.address)
    lasts = int(LASTS_ON_THE_WAY.total_seconds())
    response.set_cookie(
        SLACK_COOKIE,
        begun.cookie,
        max_age=lasts,
        path=SLACK_PATH,
        httponly=True,
        samesite="Lax",  # it comes along when Slack sends the browser back
        secure=_is_https(request),
    )
    return response


def _signed_in(request: web.Request, session: str, wanted: str) -> web.Response:
    response = _see_other(wanted if _OURS.fullmatch(wanted) else "/")
    lasts = int(sessions.LASTS.total_seconds())
    response.set_cookie(
        COOKIE, session, max_age=lasts, path="/", httponly=True, samesite="Strict", secure=_is_https(request)
    )
    return response


async def _problem(status: int, why: str, headers: dict[str, str] | None = None, back: str = "") -> web.Response:
    return await _html(status, View("problem.html", {"why": why, "back": back}), headers)


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
