"""The sources that are known. A new one is a new file in this folder, found by itself:

@source("pager", verify=bearer)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]: ...
"""

import base64
import binascii
import difflib
import hashlib
import hmac
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import NamedTuple, TypeVar

import msgspec

from bot.domain.event import Event
from bot.errors import TandemError

Parse = Callable[[bytes, Mapping[str, str], datetime], list[Event]]
"""Body, headers (a mapping that takes names in lower case) and the moment of receipt to events. Raises Malformed."""

Verify = Callable[[Mapping[str, str], bytes | None], bool]
"""Whether the sender is who it should be, from the headers (as for ``Parse``) and the door's token."""


Signature = Callable[[Mapping[str, str], bytes, bytes], bool]
"""Whether a sender that signs vouches for a body, from headers, body and the secret that it was given."""


class Malformed(TandemError):
    """The body is not what this source sends; the message says where and why."""


_T = TypeVar("_T")


def decoded(decode: Callable[[bytes], _T], body: bytes) -> _T:
    """A body as msgspec decodes it. Raises Malformed, in msgspec's words, which name the field."""
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error) or type(error).__name__) from error


class Source(NamedTuple):
    name: str
    parse: Parse
    verify: Verify
    signature: Signature | None = None

    @property
    def secret_variable(self) -> str:
        """Where the secret of a sender that signs is: ``TANDEM_GITHUB_SECRET``."""
        return f"TANDEM_{self.name.upper()}_SECRET"


_known: dict[str, Source] = {}


def source(name: str, *, verify: Verify | None = None, signature: Signature | None = None) -> Callable[[Parse], Parse]:
    """Register a parser under the last part of its door's path; the sender shows a token, or signs with a secret.

    Raises ValueError where the name is taken.
    """
    if (verify is None) == (signature is None):
        raise ValueError(f"{name}: either verify or signature says how its sender is known")

    def register(parse: Parse) -> Parse:
        if name in _known:
            raise ValueError(f"two sources are named {name!r}")
        _known[name] = Source(name, parse, verify or _after_the_body, signature)
        return parse

    return register


@cache
def all_sources() -> dict[str, Source]:
    """Every source, after importing every module of this folder."""
    package = importlib.import_module("handlers.webhooks")
    for module in pkgutil.iter_modules(package.__path__, "handlers.webhooks."):
        importlib.import_module(module.name)
    return _known


def nearest(name: str) -> str:
    """A hint for whoever mistyped a source's name."""
    close = difflib.get_close_matches(name, all_sources(), n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(all_sources()))}."


def bearer(headers: Mapping[str, str], token: bytes | None) -> bool:
    """``Authorization: Bearer <token>``, compared in constant time. https://www.rfc-editor.org/rfc/rfc6750"""
    if token is None:
        return False
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return hmac.compare_digest(given.strip().encode(errors="replace"), token) and scheme.lower() == "bearer"


def _after_the_body(headers: Mapping[str, str], token: bytes | None) -> bool:
    """Who signs is known only when the body is there."""
    return True


def hmac_sha256(header: str, prefix: str = "") -> Signature:
    """The body's HMAC with SHA-256, in hexadecimal digits after a prefix. https://www.rfc-editor.org/rfc/rfc2104"""

    def holds(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
        expected = prefix + hmac.new(secret, body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(headers.get(header, "").encode(errors="replace"), expected.encode())

    return holds


def shared_secret(header: str) -> Signature:
    """The secret itself in a header, compared in constant time."""

    def holds(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
        return hmac.compare_digest(headers.get(header, "").encode(errors="replace"), secret)

    return holds


def standard_webhook(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """The HMAC with SHA-256 of a delivery's id, moment and body, in base64. https://www.standardwebhooks.com

    The moment is not compared with ours: a delivery that is told again changes nothing.
    """
    try:
        key = base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        return False
    begins = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}."
    signature = hmac.digest(key, begins.encode(errors="replace") + body, "sha256")
    expected = b"v1," + base64.b64encode(signature)
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(one.encode(errors="replace"), expected) for one in given)
