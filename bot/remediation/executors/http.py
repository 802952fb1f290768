"""``http``: sends one request. Secrets are named in its headers and filled in only when it is sent.

``preview`` is a request that says what it would change, and changes nothing.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import aiohttp
import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator
from yarl import URL

from bot.remediation.executors.answers import MAX_COMPARED, UNLIKE_ANY, Same, digest_of
from bot.remediation.executors.registry import executor, previews
from bot.remediation.executors.step import (
    MAX_OUTPUT,
    PREVIEW_TIMEOUT,
    Foreseen,
    Outcome,
    StepContext,
    StepParameters,
    is_none,
    presentable,
)
from bot.remediation.executors.web import Headers, SecretMissing, Url, filled, session, shown

_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}


_Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_Body = str | dict[str, JsonValue] | list[JsonValue] | None
_Expected = int | Annotated[list[int], Field(min_length=1)] | None


def _spelled_out(given: Any) -> Any:
    return {"url": given} if isinstance(given, str) else given


class HttpPreview(BaseModel):
    """A request that is answered with what the step would change. Its headers are the step's unless it has its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: _Method = "GET"
    """The request's method."""
    url: Url
    """The whole address."""
    headers: Headers | None = None
    """Headers; default: those of the step."""
    body: _Body = None
    """Text, or JSON."""
    expect: _Expected = None
    """The status that means that it would work; default: any 2xx."""
    same: Same | None = None
    """What the step must be answered as well: `output`, or a list of dotted paths in an answer that is JSON."""


class HttpParameters(StepParameters):
    method: _Method = "POST"
    """The request's method."""
    url: Url
    """The whole address."""
    headers: Headers = Field(default={})
    """Headers: a text, or `{secret: NAME, prefix: …}`."""
    body: _Body = None
    """Text, or JSON."""
    expect: _Expected = None
    """The status that counts as success; default: any 2xx."""
    preview: Annotated[HttpPreview | None, BeforeValidator(_spelled_out)] = Field(None, exclude_if=is_none)
    """A request that says what it would change, sent before anybody approves: an address, or a mapping with one."""

    @model_validator(mode="after")
    def _previewed_by_another(self) -> "HttpParameters":
        other = self.preview
        if other and (other.method, other.url, other.body) == (self.method, self.url, self.body):
            mine = other.headers is None or other.headers == self.headers
            if mine and self.method not in ("GET", "HEAD"):
                raise ValueError("preview: this is the step itself, and a preview may change nothing")
        return self

    @property
    def previewing(self) -> "HttpParameters | None":
        """The preview as a step."""
        if self.preview is None:
            return None
        given = self.preview.model_dump(exclude={"same", "headers"}, exclude_unset=True)
        headers = self.headers if self.preview.headers is None else self.preview.headers
        timeout = min(self.timeout, PREVIEW_TIMEOUT)
        return HttpParameters.model_validate({"method": "GET"} | given | {"headers": headers, "timeout": timeout})

    def expects(self, status: int) -> bool:
        if self.expect is None:
            return 200 <= status < 300
        return status in ([self.expect] if isinstance(self.expect, int) else self.expect)


def describe(parameters: HttpParameters) -> str:
    lines = [f"{parameters.method} {parameters.url}", *shown(parameters.headers)]
    if parameters.body is not None:
        lines.append(encoded(parameters.body).decode())
    if asked := parameters.preview:
        body = [] if asked.body is None else [encoded(asked.body).decode()]
        lines.append(" ".join([f"  (previewed by: {asked.method} {asked.url}", *body]) + ")")
    return "\n".join(lines)


def encoded(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


@executor("http", HttpParameters, describe)
async def run(parameters: HttpParameters, context: StepContext) -> Outcome:
    return await _sent(parameters, context, parameters.preview.same if parameters.preview else None)


@previews("http")
async def preview(parameters: HttpParameters, context: StepContext) -> Foreseen | None:
    asked = parameters.previewing
    if asked is None or parameters.preview is None:
        return None
    answer = await _sent(asked, context, parameters.preview.same)
    return Foreseen(answer.ok, answer.output, answer.digest)


async def _sent(parameters: HttpParameters, context: StepContext, same: Same | None) -> Outcome:
    secrets = context.secrets
    try:
        headers = filled(parameters.headers, secrets)
    except SecretMissing as error:
        return Outcome(False, str(error))
    usual = {"Content-Type": "application/json"} if isinstance(parameters.body, dict | list) else {}
    seconds = parameters.timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds), session(usual) as client:
            return await _send(client, parameters, headers, context.hidden, same)
    except TimeoutError:
        return Outcome(False, f"no answer within {seconds:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Outcome(False, presentable(f"not answered: {error or type(error).__name__}".encode(), 0, context.hidden))


async def _send(
    client: aiohttp.ClientSession,
    parameters: HttpParameters,
    headers: dict[str, str],
    hidden: Sequence[str],
    same: Same | None,
) -> Outcome:
    """Send, and follow redirects that stay on the same host: another one must not get our headers."""
    method, url, body = parameters.method, URL(parameters.url), parameters.body
    for _ in range(_MAX_REDIRECTS + 1):
        data = None if body is None else encoded(body)
        async with client.request(method, url, headers=headers, data=data, allow_redirects=False) as answer:
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or parameters.expects(answer.status) or not location:
                return await _outcome(answer, parameters, hidden, same)
            target = url.join(URL(location))
            if target.origin() != url.origin():
                return Outcome(
                    False, f"HTTP {answer.status}: a redirect to another host, {target.origin()}, is not followed"
                )
            if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                method, body = "GET", None
            url = target
    return Outcome(False, f"more than {_MAX_REDIRECTS} redirects")


async def _outcome(
    answer: aiohttp.ClientResponse, parameters: HttpParameters, hidden: Sequence[str], same: Same | None
) -> Outcome:
    read, most = bytearray(), MAX_OUTPUT if same is None else MAX_COMPARED
    async for chunk in answer.content.iter_any():
        read += chunk
        if len(read) > most:
            break
    left_out = max(0, len(read) - MAX_OUTPUT)
    answer_text = presentable(bytes(read[:MAX_OUTPUT]), left_out, hidden)
    more = "\n… the rest is left out" if left_out else ""
    digest = UNLIKE_ANY if len(read) > MAX_COMPARED else digest_of(bytes(read), same)
    return Outcome(parameters.expects(answer.status), f"HTTP {answer.status}\n{answer_text}{more}".strip(), digest)
