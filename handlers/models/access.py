"""What the endpoints of models share: who may send, which models there are, and the refusals."""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import wraps
from typing import TypeAlias

import msgspec
from aiohttp import web

from bot.config.nearest import nearest
from bot.errors import InboxFull, StorageUnavailable, TandemError, TooLarge, Unfit
from bot.model_store.references import Taken
from bot.observability.metrics import REQUESTS_REFUSED
from bot.storage.blobs import Lost
from handlers.http.authentication import bearer
from handlers.http.body import Unreadable
from handlers.http.problem import not_stored, problem
from handlers.sources.clean import clean

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]
_CLOSE = {"Connection": "close"}
_MOST_NAME = 200
_KEY = re.compile(r"[!-~]{1,255}")


class Refusal(TandemError):
    """A request that is not taken: ``status`` is the answer's, the message its detail."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.headers = status, headers


class Access:
    """``models`` are the names of tandem.yaml."""

    def __init__(self, token: str | None, models: Collection[str]) -> None:
        self._token = token.encode() if token else None
        self._models = models

    def guarded(self, handler: Handler) -> Handler:
        """The handler for those who may come, of models that there are; its errors become answers."""

        @wraps(handler)
        async def guard(request: web.Request) -> web.Response:
            try:
                self._check(request)
                return await handler(request)
            except _ANSWERED as error:
                answer = _answer_to(error)
                REQUESTS_REFUSED.labels(str(answer.status)).inc()
                return answer

        return guard

    def _check(self, request: web.Request) -> None:
        if not bearer(request.headers, self._token):
            reason = "Send the header Authorization: Bearer <TANDEM_WEBHOOK_TOKEN>."
            reason = reason if self._token else "No token is set: start Tandem with TANDEM_WEBHOOK_TOKEN."
            raise Refusal(401, reason, {"WWW-Authenticate": "Bearer", **_CLOSE})
        model = request.match_info["model"]
        if model not in self._models:
            hint = nearest(model, self._models)
            raise Refusal(404, f"tandem.yaml has no model {clean(model[:60])!r}{hint}", _CLOSE)


def version_of(request: web.Request, part: str = "version") -> str:
    """A version's name from the address. Raises Refusal."""
    version = request.match_info[part]
    if len(version) > _MOST_NAME or not version.isprintable():
        raise Refusal(400, f"A version's name has at most {_MOST_NAME} characters, all of them printable.", _CLOSE)
    return version


def query_of(request: web.Request, known: Collection[str]) -> dict[str, str]:
    """The query's parameters. Raises Refusal for one that is not known, is there twice or cannot be stored."""
    for name, value in request.query.items():
        if name not in known:
            raise Refusal(400, f"There is no parameter {clean(name[:60])!r} here{nearest(name, known)}", _CLOSE)
        if len(value) > _MOST_NAME * 5 or not value.isprintable():
            raise Refusal(400, f"{name} is longer than {_MOST_NAME * 5} characters or not printable.", _CLOSE)
    if len(request.query) > len(set(request.query)):
        raise Refusal(400, "A parameter is there twice.", _CLOSE)
    return dict(request.query)


def key_of(request: web.Request) -> str:
    """What the sender calls the body, so that it is kept once; empty where it says nothing. Raises Refusal."""
    given = request.headers.get("Idempotency-Key")
    if given is not None and not _KEY.fullmatch(given.strip()):
        raise Refusal(400, "Idempotency-Key: 1 to 255 letters, digits and signs are expected.", _CLOSE)
    return (given or "").strip()


_ANSWERED = (
    Refusal,
    Unreadable,
    TooLarge,
    Unfit,
    Taken,
    Lost,
    InboxFull,
    StorageUnavailable,
    msgspec.DecodeError,
)


def _answer_to(error: Exception) -> web.Response:
    match error:
        case Refusal():
            return problem(error.status, str(error), error.headers)
        case Unreadable():
            return problem(error.status, str(error), _CLOSE)
        case TooLarge():
            return problem(413, str(error))
        case Taken():
            return problem(409, f"{error}: choose another version, or say ?replace=true.")
        case Lost():
            return problem(410, str(error))
        case InboxFull() | StorageUnavailable():
            return not_stored(error, "The database or the store of model data does not take anything")
        case _:
            return problem(400, f"The body cannot be taken: {error}")
