"""How a sender shows who it is: a token, or a signature over the body. Everything is compared in constant time."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping

Verify = Callable[[Mapping[str, str], bytes | None], bool]
"""Whether the sender is who it should be, from the headers (as for ``Parse``) and the endpoint's token."""


Signature = Callable[[Mapping[str, str], bytes, bytes], bool]
"""Whether a sender that signs vouches for a body, from headers, body and the secret that it was given."""


def bearer(headers: Mapping[str, str], token: bytes | None) -> bool:
    """``Authorization: Bearer <token>``, compared in constant time. https://www.rfc-editor.org/rfc/rfc6750"""
    if token is None:
        return False
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return hmac.compare_digest(given.strip().encode(errors="replace"), token) and scheme.lower() == "bearer"


def shown_token(authorization: str) -> str:
    """The token in a header: that of ``Bearer``, or the password of ``Basic``, whatever the user's name; else nothing.

    Some senders know only addresses, as in ``https://tandem:TOKEN@…``, which they send as ``Basic``.
    """
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).partition(b":")[2].decode()
    except (binascii.Error, ValueError):
        return ""


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
