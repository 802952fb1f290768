"""The registry of an MLflow server, as one registered model sees it.

https://mlflow.org/docs/latest/api_reference/rest-api.html
"""

from typing import Any, NamedTuple, TypeVar

import aiohttp
import msgspec
from tenacity import AsyncRetrying, retry_if_exception_type, stop_before_delay, wait_exponential
from yarl import URL

from bot.errors import TandemError
from bot.remediation.executors.web import Answer, answered

_Shape = TypeVar("_Shape")
_PAGE = 200
_AWAY = (502, 503, 504)
_NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # the latter for an alias that nobody set


class Registered(msgspec.Struct, frozen=True):
    version: str
    status: str = "READY"
    current_stage: str = "None"


class _One(msgspec.Struct, frozen=True):
    model_version: Registered


class _Page(msgspec.Struct, frozen=True):
    model_versions: list[Registered] = []
    next_page_token: str = ""


class Away(TandemError):
    """A proxy says that the registry does not answer."""


class Refused(TandemError):
    """The registry did not do it, or what it holds is not what was approved."""


class Entry(NamedTuple):
    """What of which server a step is about: a model, or a prompt."""

    server: URL
    name: str
    is_prompt: bool = False


class Registry:
    """The registry as one model or prompt sees it. Raises Refused with the registry's own words.

    A prompt is a model with a mark, and found only by who looks for prompts. A registry that is away is asked again for
    ``patience`` seconds: whatever is set is the same the second time.
    """

    def __init__(self, client: aiohttp.ClientSession, entry: Entry, patience: float) -> None:
        self._client = client
        away = retry_if_exception_type((aiohttp.ClientConnectionError, Away))
        pause = wait_exponential(0.25, max=5)
        self._patiently = AsyncRetrying(retry=away, wait=pause, stop=stop_before_delay(patience), reraise=True)
        self._api = entry.server / "api/2.0/mlflow"
        self.model = entry.name
        self._also = " AND tags.`mlflow.prompt.is_prompt` = 'true'" if entry.is_prompt else ""

    async def named_by(self, alias: str) -> str | None:
        """The version that an alias names, None where there is no such alias."""
        body = await self._call(
            "GET", "registered-models/alias", params={"name": self.model, "alias": alias}, missing=_NOT_THERE
        )
        return None if body is None else _read(body, _One).model_version.version

    async def version(self, number: str) -> Registered:
        body = await self._call("GET", "model-versions/get", params={"name": self.model, "version": number})
        return _read(body, _One).model_version

    async def newest_before(self, number: int) -> str:
        """The greatest version below ``number`` that is ready to be served."""
        ready = [int(one.version) for one in await self.versions() if one.status == "READY"]
        earlier = [one for one in ready if one < number]
        if not earlier:
            raise Refused(f"{self.model} has no version before {number} that is ready: nothing was set")
        return str(max(earlier))

    async def versions(self) -> list[Registered]:
        """All versions of the model."""
        params = {"filter": f"name='{self.model}'{self._also}", "max_results": str(_PAGE)}
        found: list[Registered] = []
        while True:
            page = _read(await self._call("GET", "model-versions/search", params=params), _Page)
            found += page.model_versions
            if not page.next_page_token:
                return found
            params["page_token"] = page.next_page_token

    async def set_alias(self, alias: str, version: str) -> None:
        await self._call(
            "POST", "registered-models/alias", json={"name": self.model, "alias": alias, "version": version}
        )

    async def set_stage(self, stage: str, version: str, archive_others: bool) -> None:
        text: dict[str, Any] = {"name": self.model, "version": version, "stage": stage}
        text["archive_existing_versions"] = archive_others
        await self._call("POST", "model-versions/transition-stage", json=text)

    async def _call(self, method: str, path: str, missing: tuple[str, ...] = (), **sent: Any) -> bytes | None:
        """The answer's body; None where the registry says that there is no such thing, in one of ``missing``."""
        answer: Answer = await self._patiently(self._answered, method, path, sent)
        if answer.ok:
            return answer.body
        text = _error_in(answer.body)
        if text.error_code in missing:
            return None
        words = text.message or answer.body[:300].decode(errors="replace")
        raise Refused(f"HTTP {answer.status} of the registry: {text.error_code} {words}".strip())

    async def _answered(self, method: str, path: str, sent: dict[str, Any]) -> Answer:
        answer = await answered(self._client, method, self._api / path, **sent)
        if answer.status in _AWAY:
            raise Away(f"HTTP {answer.status} of the registry: it is away")
        return answer


class _Error(msgspec.Struct, frozen=True):
    error_code: str = ""
    message: str = ""


def _error_in(body: bytes) -> _Error:
    try:
        return msgspec.json.decode(body, type=_Error)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _Error()


def _read(body: bytes | None, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(body or b"", type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused(f"the registry's answer is none of MLflow's: {error}") from error
