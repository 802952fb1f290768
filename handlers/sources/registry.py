"""The sources that are known. A new one is a new file in ``handlers/webhooks``, found by itself:

@source("pager", verify=bearer)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]: ...
"""

import difflib
import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple, TypeVar

import msgspec

from bot.domain.event import Event
from bot.errors import TandemError
from handlers.http.authentication import Signature, Verify


@dataclass(frozen=True, slots=True)
class Refusal:
    """Of a delivery of several, the one that cannot be taken: which it is, and why."""

    index: int
    reason: str


Parse = Callable[[bytes, Mapping[str, str], datetime], Iterable[Event | Refusal]]
"""Body, headers (a mapping that takes names in lower case) and the moment of receipt to events. Raises Malformed.

Where a delivery holds several, one that cannot be taken is a Refusal and loses none of the others; where it may hold
many, they are made one after the other as they are taken, so that nothing else waits for all.
"""

Prove = Callable[[Mapping[str, str], bytes], Awaitable[None]]
"""Proves, from headers and body, who sent it, and may ask others for that; answers the sender's handshake where it has
one. Raises Malformed, NotAuthentic, Unverifiable."""


class Malformed(TandemError):
    """The body is not what this source sends; the message says where and why."""


class NotAuthentic(TandemError):
    """The sender is not who it should be; the message says why."""


class Unverifiable(TandemError):
    """Whether the sender is who it should be is not known at the moment: it may send again."""


_T = TypeVar("_T")
_Parser = TypeVar("_Parser", bound=Parse)


def decoded(decode: Callable[[bytes], _T], body: bytes) -> _T:
    """A body as msgspec decodes it. Raises Malformed, in msgspec's words, which name the field."""
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
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
) -> Callable[[_Parser], _Parser]:
    """Register a parser under the last part of its endpoint's path: its sender shows a token, signs, or does either.

    Raises ValueError where the name is taken.
    """
    if verify is None and signature is None:
        raise ValueError(f"{name}: verify or signature says how its sender is known")

    def register(parse: _Parser) -> _Parser:
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
