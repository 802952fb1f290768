"""Who asks: the tokens of the API, what each may do and how often. Secrets are read anew when their files change."""

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from bot.config.api import ApiToken
from bot.config.environment import SECRET_PREFIX
from bot.domain.access.scope import READS, Scope
from bot.incidents.permissions import Actor
from handlers.http.authentication import shown_token

_LOOK_SECONDS = 1.0
_FILE = "_FILE"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Caller:
    """``name`` is the actor of what it does; ``domains`` is None where it sees all. ``actor`` is a person who is signed
    in, whose permissions count; None for a program."""

    name: str
    scopes: Collection[Scope]
    domains: frozenset[str] | None = None
    per_minute: int | None = None
    actor: Actor | None = None

    def sees(self, domain: str) -> bool:
        return self.domains is None or domain in self.domains


SOLE = Caller("api", READS)
"""Whoever has the one token of the environment: it reads everything."""


@dataclass
class _Bucket:
    """Requests that are left, refilled as time passes."""

    left: float
    at: float


@dataclass
class _Secret:
    """What a configured token is compared with; ``stamp`` tells whether its file has changed."""

    digests: frozenset[bytes] = frozenset()
    stamp: tuple[float, int] | None = None
    looked_at: float = field(default=float("-inf"))


class Tokens:
    """``sole`` is the token of the environment. Tokens are found by their digests: no comparison tells how far one
    is right."""

    def __init__(
        self,
        sole: str | None,
        configured: Sequence[ApiToken] = (),
        environ: Mapping[str, str] = os.environ,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sole = digest(sole) if sole else None
        self._configured = configured
        self._environ = environ
        self._monotonic = monotonic
        self._secrets = {one.name: _Secret() for one in configured}
        self._buckets: dict[str, _Bucket] = {}
        for one in configured:
            if not self._digests_of(one):
                variable = SECRET_PREFIX + one.secret
                log.warning("api.token_without_secret", token=one.name, reason=f"{variable} is not set: it is refused")

    @property
    def any(self) -> bool:
        return self._sole is not None or bool(self._configured)

    def caller_of(self, authorization: str, now: datetime) -> Caller | None:
        """Who shows this token; None for one that is unknown or has expired."""
        given = shown_token(authorization)
        if not given:
            return None
        shown = digest(given)
        return next((caller for caller, digests in self.known(now) if shown in digests), None)

    def known(self, now: datetime) -> Iterator[tuple[Caller | None, Collection[bytes]]]:
        """Who may ask, each with the digests of their tokens; None in the place of one that has expired."""
        for one in self._configured:
            yield None if one.expired(now) else _caller(one), self._digests_of(one)
        if self._sole:
            yield SOLE, (self._sole,)

    def wait_of(self, caller: Caller) -> float:
        """For how many seconds this request has to wait; 0 where it may go on, which counts it."""
        if caller.per_minute is None:
            return 0.0
        now, rate = self._monotonic(), caller.per_minute / 60
        bucket = self._buckets.setdefault(caller.name, _Bucket(float(caller.per_minute), now))
        bucket.left = min(bucket.left + (now - bucket.at) * rate, float(caller.per_minute))
        bucket.at = now
        if bucket.left < 1:
            return (1 - bucket.left) / rate
        bucket.left -= 1
        return 0.0

    def _digests_of(self, token: ApiToken) -> frozenset[bytes]:
        secret, now = self._secrets[token.name], self._monotonic()
        if now - secret.looked_at >= _LOOK_SECONDS:
            secret.looked_at = now
            self._look(token, secret)
        return secret.digests

    def _look(self, token: ApiToken, secret: _Secret) -> None:
        """A file has a token a line: during a rotation the old one and the new one are both taken."""
        variable = SECRET_PREFIX + token.secret
        file = self._environ.get(variable + _FILE)
        if file is None:
            secret.digests = _usable([self._environ.get(variable, "")])
            return
        try:
            found = Path(file).stat()
            stamp = (found.st_mtime, found.st_size)
            if stamp != secret.stamp:
                secret.digests = _usable(Path(file).read_text(encoding="utf-8").splitlines())
                secret.stamp = stamp
        except (OSError, UnicodeDecodeError) as error:
            if secret.digests or secret.stamp is None:
                log.warning(
                    "api.secret_unreadable", token=token.name, reason=f"{variable}_FILE: {type(error).__name__}"
                )
            secret.digests, secret.stamp = frozenset(), (0.0, 0)


def _caller(token: ApiToken) -> Caller:
    domains = None if token.domains is None else frozenset(token.domains)
    return Caller(token.name, frozenset(token.scopes), domains, token.per_minute)


def _usable(lines: Sequence[str]) -> frozenset[bytes]:
    return frozenset(digest(line.strip()) for line in lines if line.strip())


def digest(token: str) -> bytes:
    """What a token is known by."""
    return hashlib.sha256(token.encode(errors="replace")).digest()
