"""Who is signed in to the pages: a cookie that only the holder of a token can have been given.

Nothing is kept: its signature has the token's digest as its key, so any replica knows it, also after a restart, and it
ends when the token does. The token itself is not in it.
"""

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta

from handlers.api.tokens import Caller, Tokens, digest

LASTS = timedelta(hours=12)
_SESSION = re.compile(r"(?P<signed>1\.(?P<ends>[0-9]{1,12})\.[0-9a-f]{32})\.(?P<signature>[0-9a-f]{64})")


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


def caller_of(tokens: Tokens, session: str, now: datetime) -> Caller | None:
    """Whose session it is; None where it is not ours, is over, or its token is no longer valid."""
    found = _SESSION.fullmatch(session)
    if found is None or datetime.fromtimestamp(int(found["ends"]), UTC) <= now:
        return None
    for caller, known in tokens.known(now):
        if caller and any(
            hmac.compare_digest(_signature(key, caller, found["signed"]), found["signature"]) for key in known
        ):
            return caller
    return None


def _signature(key: bytes, caller: Caller, signed: str) -> str:
    return hmac.new(key, f"tandem session\0{caller.name}\0{signed}".encode(), hashlib.sha256).hexdigest()
