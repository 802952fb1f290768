"""The connection of the client, made of ``connected_async.py``: ``tests/unit/docs/client.py``."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self, TypeVar

import httpx2
import msgspec
from tenacity import Retrying, retry_if_exception, stop_after_attempt

from bot.client import answers
from bot.client.errors import Unreachable, failure
from bot.client.requests import Query, Request, read
from bot.client.retries import may_repeat, wait_of

T = TypeVar("T")
P = TypeVar(
    "P",
    answers.AuditPage,
    answers.HistoryPage,
    answers.IncidentPage,
    answers.ModelPage,
    answers.RunPage,
    answers.ServicePage,
    answers.SilencePage,
)


class Connection:
    """Requests to Tandem behind ``url``, each sent again as ``retries.py`` says."""

    def __init__(self, url: str, token: str, *, timeout: float = 30.0, attempts: int = 5) -> None:
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "tandem-client"}
        self._http = httpx2.Client(base_url=url.rstrip("/") + "/", headers=headers, timeout=timeout)
        self._attempts = attempts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def _fetch(self, request: Request, answer: type[T]) -> T:
        return msgspec.json.decode((self.send(request)).content, type=answer)

    def _pages(self, answer: type[P], path: str, **query: Query) -> Iterator[P]:
        """The pages of a list, each asked for when it is taken."""
        cursor: str | None = None
        while True:
            page = self._fetch(read(path, **query, cursor=cursor), answer)
            yield page
            if (cursor := page.next) is None:
                return

    def send(self, request: Request) -> httpx2.Response:
        """The answer to a request of ``bot.client.requests``. Raises ApiError."""
        again = retry_if_exception(lambda error: may_repeat(error, request))
        for attempt in Retrying(stop=stop_after_attempt(self._attempts), wait=wait_of, retry=again, reraise=True):
            with attempt:
                return self._send_once(request)
        raise AssertionError("an attempt returns or raises")

    def _send_once(self, request: Request) -> httpx2.Response:
        try:
            answer = self._http.request(
                request.method,
                request.path,
                params=dict(request.query),
                content=request.content,
                headers=dict(request.headers),
            )
        except httpx2.TransportError as error:
            raise Unreachable(0, f"{type(error).__name__}: {error}") from error
        if not answer.is_success:
            raise failure(answer.status_code, answer.content, answer.headers)
        return answer

    def _stream(self, after: int | None) -> Iterator[tuple[int, answers.Event | None]]:
        """Places, and what happened there: first of all the one from which on it tells."""
        headers = {"Last-Event-ID": str(after)} if after is not None else {}
        timeout = httpx2.Timeout(30.0, read=60.0)
        try:
            with self._http.stream("GET", "api/events", headers=headers, timeout=timeout) as answer:
                if not answer.is_success:
                    raise failure(answer.status_code, answer.read(), answer.headers)
                for one in httpx2.EventSource(answer):
                    if one.id:
                        yield int(one.id), msgspec.json.decode(one.data, type=answers.Event) if one.data else None
        except httpx2.TransportError as error:
            raise Unreachable(0, f"{type(error).__name__}: {error}") from error
