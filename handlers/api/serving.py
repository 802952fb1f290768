"""From a request to an operation's answer: who asks, what for, how often, whether again; and errors as answers."""

import hashlib
from collections.abc import Mapping
from math import ceil
from typing import Any

import msgspec
from aiohttp import web

from bot.errors import Collision, Forbidden, InboxFull, NotFound, Outdated, Refused, StorageUnavailable
from handlers.api.idempotency import Key, Repeated, begin, finish, give_up, key_of
from handlers.api.operation import Answer, Backend, Call, Invalid, Operation
from handlers.api.query import read_body, read_query
from handlers.api.tokens import Caller, Tokens
from handlers.api.versions import etag, seen_in
from handlers.http.body import Unreadable
from handlers.http.body import read_body as read_bytes
from handlers.http.memory import share_of
from handlers.http.problem import come_again, problem

MOST_BODY = 2**16
RETRY_AFTER_OUTAGE = 5


class Serving:
    """Answers what :mod:`handlers.api.operation` registers."""

    def __init__(self, backend: Backend, tokens: Tokens) -> None:
        self._backend = backend
        self._tokens = tokens

    def admitted(self, request: web.Request, scopes: tuple[str, ...]) -> Caller | web.Response:
        """Who asks, or why they are not answered."""
        if not self._tokens.any:
            return problem(401, "No token is set: start Tandem with TANDEM_API_TOKEN or TANDEM_WEBHOOK_TOKEN.")
        caller = self.caller_of(request)
        if caller is None:
            return problem(401, "Send the header Authorization: Bearer <token>.", {"WWW-Authenticate": "Bearer"})
        if wait := self._tokens.wait_of(caller):
            why = f"{caller.name} may ask {caller.per_minute} times a minute."
            return problem(429, why, {"Retry-After": str(ceil(wait))})
        if not any(scope in caller.scopes for scope in scopes):
            return problem(403, f"This token lacks the scope {' or '.join(scopes)}.")
        return caller

    def caller_of(self, request: web.Request) -> Caller | None:
        """Whose token the request shows."""
        return self._tokens.caller_of(request.headers.get("Authorization", ""), self._backend.clock())

    async def answer(self, request: web.Request, operation: Operation) -> web.StreamResponse:
        caller = self.admitted(request, operation.scopes)
        if isinstance(caller, web.Response):
            return caller
        try:
            return await self._answer(request, operation, caller)
        except (Refused, Invalid, Unreadable, StorageUnavailable, InboxFull) as error:
            return refusal(error)

    async def _answer(self, request: web.Request, operation: Operation, caller: Caller) -> web.Response:
        query = read_query(request.query, operation.query)
        raw = await self._body(request) if operation.changes else b""
        call = Call(
            self._backend,
            caller,
            query,
            read_body(raw, operation.body),
            dict(request.match_info),
            self._backend.clock(),
            seen_in(request.headers.get("If-Match")),
        )
        key = (
            key_of(request.headers.get("Idempotency-Key"), caller, _digest(request, raw)) if operation.changes else None
        )
        return await self._once(operation, call, key)

    async def perform(
        self, operation: Operation, caller: Caller, path: Mapping[str, str], query: Mapping[str, Any], body: Any
    ) -> Answer:
        """Carry out an operation for whom it was found to be allowed. Raises Refused, Invalid, StorageUnavailable."""
        wanted = read_body(msgspec.json.encode(query), operation.query)
        given = read_body(msgspec.json.encode(body), operation.body)
        return await self._run(operation, Call(self._backend, caller, wanted, given, path, self._backend.clock()))

    async def _once(self, operation: Operation, call: Call, key: Key | None) -> web.Response:  # type: ignore[type-arg]
        """Carry it out; what was carried out with the same key is answered as then."""
        if key is None:
            return response(await self._run(operation, call))
        try:
            await begin(call.database, key, call.now)
        except Repeated as repeated:
            return _response(repeated.status, repeated.body, {**repeated.headers, "Idempotency-Replayed": "true"})
        try:
            answer = await self._run(operation, call)
        except (Refused, Invalid):  # of any other error nobody knows whether it was done
            await give_up(call.database, key)
            raise
        made = response(answer)
        await finish(call.database, key, made.status, encoded(answer), dict(made.headers))
        return made

    async def _run(self, operation: Operation, call: Call) -> Answer:  # type: ignore[type-arg]
        answer = await operation.run(call)
        if operation.changes:
            self._backend.on_change()
        return answer

    async def _body(self, request: web.Request) -> bytes:
        with share_of(request) as share:
            return await read_bytes(request, MOST_BODY, share)


def refusal(error: Refused | Invalid | Unreadable | StorageUnavailable | InboxFull) -> web.Response:
    """What stood in the way, as an answer."""
    match error:
        case Invalid():
            return problem(400, str(error))
        case Unreadable():
            return problem(error.status, str(error))
        case Forbidden():
            return problem(403, str(error))
        case NotFound():
            return problem(404, str(error))
        case Outdated():
            return problem(412, str(error))
        case Refused():
            return problem(409, str(error))
        case Collision():
            return problem(409, "Others were changing the same at the same moment: nothing was changed. Try again.")
        case InboxFull():
            return problem(429, str(error), come_again(error.retry_after))
    return problem(503, "The database is not available: try again.", come_again(RETRY_AFTER_OUTAGE))


def response(answer: Answer) -> web.Response:
    headers = {"ETag": etag(answer.version)} if answer.version is not None else {}
    if answer.made:
        headers["Location"] = answer.made
    return _response(201 if answer.made else 200, encoded(answer), headers)


def encoded(answer: Answer) -> bytes:
    return b"" if answer.value is None else msgspec.json.encode(answer.value)


def _response(status: int, body: bytes, headers: Mapping[str, str]) -> web.Response:
    kept = {name: value for name, value in headers.items() if name in ("ETag", "Location", "Idempotency-Replayed")}
    return web.Response(body=body, status=status, headers=kept, content_type="application/json")


def _digest(request: web.Request, body: bytes) -> str:
    """What tells two requests apart."""
    about = f"{request.method} {request.path_qs} {request.headers.get('If-Match', '')}\n"
    return hashlib.sha256(about.encode(errors="replace") + body).hexdigest()
