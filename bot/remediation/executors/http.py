"""``http``: sends one request. Secrets are named in its headers and filled in only when it is sent."""

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import aiohttp
import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from yarl import URL

from bot.remediation.executors.registry import executor
from bot.remediation.executors.step import MAX_OUTPUT, Outcome, StepParameters, presentable

_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class _SecretHeader(BaseModel):
    """A header whose value is the environment's ``TANDEM_SECRET_<secret>``, after ``prefix``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: str
    prefix: str = ""


def _check_url(text: str) -> str:
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("write a whole address, as in https://example.com/scale")
    if url.user or url.password:
        raise ValueError("an address carries no password: use a header with a secret")
    return text


def _check_headers(headers: dict[str, Any]) -> dict[str, Any]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or (isinstance(value, str) and ("\r" in value or "\n" in value)):
            raise ValueError(f"{name!r} is no valid header")
    return headers


class HttpParameters(StepParameters):
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    url: Annotated[str, AfterValidator(_check_url)]
    headers: Annotated[dict[str, str | _SecretHeader], AfterValidator(_check_headers)] = Field(default={})
    body: str | dict[str, JsonValue] | list[JsonValue] | None = None
    expect: int | Annotated[list[int], Field(min_length=1)] | None = None

    def expects(self, status: int) -> bool:
        if self.expect is None:
            return 200 <= status < 300
        return status in ([self.expect] if isinstance(self.expect, int) else self.expect)


def describe(parameters: HttpParameters) -> str:
    lines = [f"{parameters.method} {parameters.url}"]
    for name, value in parameters.headers.items():
        shown = value if isinstance(value, str) else f"{value.prefix}<secret {value.secret}>"
        lines.append(f"{name}: {shown}")
    if parameters.body is not None:
        lines.append(_encoded(parameters.body).decode())
    return "\n".join(lines)


def _encoded(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


@executor("http", HttpParameters, describe)
async def run(parameters: HttpParameters, secrets: Mapping[str, str]) -> Outcome:
    headers: dict[str, str] = {}
    for name, value in parameters.headers.items():
        if isinstance(value, str):
            headers[name] = value
        elif value.secret in secrets:
            headers[name] = value.prefix + secrets[value.secret]
        else:
            return Outcome(False, f"not sent: the secret {value.secret} is not set (TANDEM_SECRET_{value.secret})")
    usual = {"Accept-Encoding": "identity"}
    if isinstance(parameters.body, dict | list):
        usual["Content-Type"] = "application/json"
    seconds = parameters.timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds), _session(usual) as session:
            return await _send(session, parameters, headers, secrets)
    except TimeoutError:
        return Outcome(False, f"no answer within {seconds:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Outcome(
            False, presentable(f"not answered: {error or type(error).__name__}".encode(), 0, secrets.values())
        )


def _session(headers: Mapping[str, str]) -> aiohttp.ClientSession:
    """A session without a time of its own: the step has one, over all redirects. A bomb stays packed."""
    return aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False)


async def _send(
    session: aiohttp.ClientSession, parameters: HttpParameters, headers: dict[str, str], secrets: Mapping[str, str]
) -> Outcome:
    """Send, and follow redirects that stay on the same host: another one must not get our headers."""
    method, url, body = parameters.method, URL(parameters.url), parameters.body
    for _ in range(_MAX_REDIRECTS + 1):
        data = None if body is None else _encoded(body)
        async with session.request(method, url, headers=headers, data=data, allow_redirects=False) as answer:
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or parameters.expects(answer.status) or not location:
                return await _outcome(answer, parameters, secrets)
            target = url.join(URL(location))
            if target.origin() != url.origin():
                return Outcome(
                    False, f"HTTP {answer.status}: a redirect to another host, {target.origin()}, is not followed"
                )
            if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                method, body = "GET", None
            url = target
    return Outcome(False, f"more than {_MAX_REDIRECTS} redirects")


async def _outcome(answer: aiohttp.ClientResponse, parameters: HttpParameters, secrets: Mapping[str, str]) -> Outcome:
    read = bytearray()
    async for chunk in answer.content.iter_any():
        read += chunk
        if len(read) > MAX_OUTPUT:
            break
    left_out = max(0, len(read) - MAX_OUTPUT)
    said = presentable(bytes(read[:MAX_OUTPUT]), left_out, secrets.values())
    more = "\n… the rest is left out" if left_out else ""
    return Outcome(parameters.expects(answer.status), f"HTTP {answer.status}\n{said}{more}".strip())
