"""Who is signed in to the pages: a cookie that only the holder of a token can have been given.

Nothing is kept: its signature has the token's digest as its key, so any replica knows it, also after a restart, and it
ends when the token does. The token itself is not in it.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from handlers.api.tokens import Caller, Tokens, digest

LASTS = timedelta(hours=12)
_SESSION = re.compile(r"(?P<signed>1\.(?P<ends>[0-9]{1,12})\.[0-9a-f]{32})\.(?P<signature>[0-9a-f]{64})")


class Session(NamedTuple):
    """``form_key`` is in every form of a page of this session: another site can make a browser send the cookie
    in one way or another, but cannot know this."""

    caller: Caller
    form_key: str


def begin(tokens: Tokens, token: str, now: datetime) -> str | None:
    """The session of whoever has this token; None where it is unknown or has expired."""
    given = digest(token.strip())
    for caller, known in tokens.known(now):
        if given in known:
            if caller is None:
                return None
            signed = f"1.{int((now + LASTS).timestamp())}.{secrets.token_hex(16)}"
            return f"{signed}.{_signature(given, caller, signed)}"
    return None


def find(tokens: Tokens, session: str, now: datetime) -> Session | None:
    """Whose session it is; None where it is not ours, is over, or its token is no longer valid."""
    found = _SESSION.fullmatch(session)
    if found is None or int(found["ends"]) <= now.timestamp():
        return None
    for caller, known in tokens.known(now):
        for key in known:
            if caller and hmac.compare_digest(_signature(key, caller, found["signed"]), found["signature"]):
                return Session(caller, _signature(key, caller, found["signed"], "form"))
    return None


def _signature(key: bytes, caller: Caller, signed: str, use: str = "session") -> str:
    return hmac.new(key, f"tandem {use}\0{caller.name}\0{signed}".encode(), hashlib.sha256).hexdigest()
