"""The sources that are known. A new one is a new file in ``handlers/webhooks``, found by itself:

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
from collections.abc import Awaitable, Callable, Iterable, Mapping
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


Prove = Callable[[Mapping[str, str], bytes], Awaitable[None]]
"""Proves, from headers and body, who sent it, and may ask others for that; answers the sender's handshake where it has
one. Raises Malformed, NotAuthentic, CannotTell."""


class Malformed(TandemError):
    """The body is not what this source sends; the message says where and why."""


class NotAuthentic(TandemError):
    """The sender is not who it should be; the message says why."""


class CannotTell(TandemError):
    """Whether the sender is who it should be is not known at the moment: it may send again."""


_T = TypeVar("_T")


def decoded(decode: Callable[[bytes], _T], body: bytes) -> _T:
    """A body as msgspec decodes it. Raises Malformed, in msgspec's words, which name the field."""
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error) or type(error).__name__) from error


class Source(NamedTuple):
    """A sender that can do both signs where it was given a secret, and shows the token where it was not.

    ``token_in_address`` is for senders that can set no header: the token may also be the address's ``?token=``.
    ``prove`` comes on top of either, for senders whose signature is checked with what others hold.
    """

    name: str
    parse: Parse
    verify: Verify | None
    signature: Signature | None = None
    token_in_address: bool = False
    prove: Prove | None = None

    @property
    def secret_variable(self) -> str:
        """Where the secret of a sender that signs is: ``TANDEM_GITHUB_SECRET``."""
        return f"TANDEM_{self.name.upper()}_SECRET"


_known: dict[str, Source] = {}


def source(
    name: str,
    *,
    verify: Verify | None = None,
    signature: Signature | None = None,
    token_in_address: bool = False,
    prove: Prove | None = None,
) -> Callable[[Parse], Parse]:
    """Register a parser under the last part of its door's path: its sender shows a token, signs, or does either.

    Raises ValueError where the name is taken.
    """
    if verify is None and signature is None:
        raise ValueError(f"{name}: verify or signature says how its sender is known")

    def register(parse: Parse) -> Parse:
        if name in _known:
            raise ValueError(f"two sources are named {name!r}")
        _known[name] = Source(name, parse, verify, signature, token_in_address, prove)
        return parse

    return register


@cache
def all_sources() -> dict[str, Source]:
    """Every source, after importing every module of ``handlers/webhooks``."""
    package = importlib.import_module("handlers.webhooks")
    for module in pkgutil.walk_packages(package.__path__, "handlers.webhooks."):
        importlib.import_module(module.name)
    return _known


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for whoever mistyped a source's name."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names)}."


def bearer(headers: Mapping[str, str], token: bytes | None) -> bool:
    """``Authorization: Bearer <token>``, compared in constant time. https://www.rfc-editor.org/rfc/rfc6750"""
    if token is None:
        return False
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return hmac.compare_digest(given.strip().encode(errors="replace"), token) and scheme.lower() == "bearer"


def bearer_or_like(headers: Mapping[str, str], token: bytes | None) -> bool:
    """:func:`bearer`, or the token as the password of ``Authorization: Basic``, whatever the user's name.

    https://www.rfc-editor.org/rfc/rfc7617
    """
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if token is None or scheme.lower() != "basic":
        return bearer(headers, token)
    try:
        _, _, password = base64.b64decode(given, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(password, token)


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
