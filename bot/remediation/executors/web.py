"""What the executors that call other programs over HTTP share: addresses, headers with secrets, bounded answers."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import aiohttp
from pydantic import AfterValidator, BaseModel, ConfigDict
from yarl import URL

from bot.errors import TandemError

MAX_ANSWER = 16 * 2**20
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class SecretHeader(BaseModel):
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


Url = Annotated[str, AfterValidator(_check_url)]
Headers = Annotated[dict[str, str | SecretHeader], AfterValidator(_check_headers)]


class SecretMissing(TandemError):
    """A header names a secret that is not in the environment."""


def filled(headers: Mapping[str, str | SecretHeader], secrets: Mapping[str, str]) -> dict[str, str]:
    """Headers as they are sent. Raises SecretMissing."""
    sent: dict[str, str] = {}
    for name, value in headers.items():
        if isinstance(value, str):
            sent[name] = value
        elif value.secret in secrets:
            sent[name] = value.prefix + secrets[value.secret]
        else:
            raise SecretMissing(f"not sent: the secret {value.secret} is not set (TANDEM_SECRET_{value.secret})")
    return sent


def shown(headers: Mapping[str, str | SecretHeader]) -> list[str]:
    """Headers as people see them: a secret by its name."""
    return [
        f"{name}: {value if isinstance(value, str) else f'{value.prefix}<secret {value.secret}>'}"
        for name, value in headers.items()
    ]


def session(headers: Mapping[str, str]) -> aiohttp.ClientSession:
    """A session without a time of its own: the step has one, over all requests. A bomb stays packed."""
    return aiohttp.ClientSession(
        headers={"Accept-Encoding": "identity"} | dict(headers),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=True,
    )


class Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


async def answered(client: aiohttp.ClientSession, method: str, url: str | URL, **sent: Any) -> Answer:
    """One request, without redirects. Raises aiohttp's ClientError, also for more than :data:`MAX_ANSWER` bytes."""
    async with client.request(method, url, allow_redirects=False, **sent) as response:
        read = bytearray()
        async for chunk in response.content.iter_any():
            read += chunk
            if len(read) > MAX_ANSWER:
                raise aiohttp.ClientPayloadError(f"the answer is longer than {MAX_ANSWER // 2**20} MB")
        return Answer(response.status, bytes(read))
