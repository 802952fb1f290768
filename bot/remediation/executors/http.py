"""``http``: sends one request. Secrets are named in its headers and filled in only when it is sent."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import aiohttp
import msgspec
from pydantic import Field, JsonValue
from yarl import URL

from bot.remediation.executors.registry import executor
from bot.remediation.executors.step import MAX_OUTPUT, Outcome, StepContext, StepParameters, presentable
from bot.remediation.executors.web import Headers, SecretMissing, Url, filled, session, shown

_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}


class HttpParameters(StepParameters):
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    """The request's method."""
    url: Url
    """The whole address."""
    headers: Headers = Field(default={})
    """Headers: a text, or `{secret: NAME, prefix: …}`."""
    body: str | dict[str, JsonValue] | list[JsonValue] | None = None
    """Text, or JSON."""
    expect: int | Annotated[list[int], Field(min_length=1)] | None = None
    """The status that counts as success; default: any 2xx."""

    def expects(self, status: int) -> bool:
        if self.expect is None:
            return 200 <= status < 300
        return status in ([self.expect] if isinstance(self.expect, int) else self.expect)


def describe(parameters: HttpParameters) -> str:
    lines = [f"{parameters.method} {parameters.url}", *shown(parameters.headers)]
    if parameters.body is not None:
        lines.append(encoded(parameters.body).decode())
    return "\n".join(lines)


def encoded(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


@executor("http", HttpParameters, describe)
async def run(parameters: HttpParameters, context: StepContext) -> Outcome:
    secrets = context.secrets
    try:
        headers = filled(parameters.headers, secrets)
    except SecretMissing as error:
        return Outcome(False, str(error))
    usual = {"Content-Type": "application/json"} if isinstance(parameters.body, dict | list) else {}
    seconds = parameters.timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds), session(usual) as client:
            return await _send(client, parameters, headers, context.hidden)
    except TimeoutError:
        return Outcome(False, f"no answer within {seconds:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Outcome(False, presentable(f"not answered: {error or type(error).__name__}".encode(), 0, context.hidden))


async def _send(
    client: aiohttp.ClientSession, parameters: HttpParameters, headers: dict[str, str], hidden: Sequence[str]
) -> Outcome:
    """Send, and follow redirects that stay on the same host: another one must not get our headers."""
    method, url, body = parameters.method, URL(parameters.url), parameters.body
    for _ in range(_MAX_REDIRECTS + 1):
        data = None if body is None else encoded(body)
        async with client.request(method, url, headers=headers, data=data, allow_redirects=False) as answer:
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or parameters.expects(answer.status) or not location:
                return await _outcome(answer, parameters, hidden)
            target = url.join(URL(location))
            if target.origin() != url.origin():
                return Outcome(
                    False, f"HTTP {answer.status}: a redirect to another host, {target.origin()}, is not followed"
                )
            if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                method, body = "GET", None
            url = target
    return Outcome(False, f"more than {_MAX_REDIRECTS} redirects")


async def _outcome(answer: aiohttp.ClientResponse, parameters: HttpParameters, hidden: Sequence[str]) -> Outcome:
    read = bytearray()
    async for chunk in answer.content.iter_any():
        read += chunk
        if len(read) > MAX_OUTPUT:
            break
    left_out = max(0, len(read) - MAX_OUTPUT)
    answer_text = presentable(bytes(read[:MAX_OUTPUT]), left_out, hidden)
    more = "\n… the rest is left out" if left_out else ""
    return Outcome(parameters.expects(answer.status), f"HTTP {answer.status}\n{answer_text}{more}".strip())
