"""Standard Webhooks: the headers by which a receiver knows that a request is ours, whole and recent.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

from bot.errors import CallRefused

_PREFIX = "whsec_"


def signed_headers(message_id: str, at: datetime, body: bytes, secret: str | None) -> dict[str, str]:
    """``secret`` may be several that begin with ``whsec_``, with a space between, while one replaces another.

    Raises CallRefused where it is no secret.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(int(at.timestamp()))}
    if secret:
        signed = f"{message_id}.{headers['webhook-timestamp']}.".encode() + body
        headers["webhook-signature"] = " ".join(_signature(key, signed) for key in _keys_of(secret))
    return headers


def _signature(key: bytes, signed: bytes) -> str:
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def _keys_of(secret: str) -> list[bytes]:
    """A secret of Standard Webhooks is base64 after ``whsec_``; any other one is taken as it is."""
    parts = secret.split()
    if not parts or not all(part.startswith(_PREFIX) for part in parts):
        return [secret.encode()]
    try:
        keys = [base64.b64decode(part.removeprefix(_PREFIX), validate=True) for part in parts]
    except binascii.Error:
        keys = []
    if not all(keys) or not keys:
        raise CallRefused(f"the secret begins with {_PREFIX}, and what follows is no base64")
    return keys
