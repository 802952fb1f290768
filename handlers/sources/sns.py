"""Amazon SNS over HTTP: whether Amazon signed a message, and the handshake by which a subscription begins.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html
"""

import asyncio
import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

import aiohttp
import msgspec
import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from yarl import URL

from handlers.sources.registry import CannotTell, NotAuthentic, decoded

TOPICS = "TANDEM_CLOUDWATCH_TOPICS"
"""The topics that may send, by ARN and parted by commas; without it, all whose sender knows the token."""

_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_SUBJECT = re.compile(r"sns(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?")
_HASHES = {"1": SHA1, "2": SHA256}
_TIMEOUT = aiohttp.ClientTimeout(total=8)  # SNS waits for 15 seconds
_LARGEST = 64 * 1024
_MOST_KEPT = 16

log = structlog.get_logger(__name__)


class Message(msgspec.Struct, frozen=True, rename="pascal"):
    """An envelope; ``message`` is what was published."""

    type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    signature_version: Literal["1", "2"]
    signature: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str = ""
    subscribe_url: str = msgspec.field(name="SubscribeURL", default="")


_decode = msgspec.json.Decoder(Message).decode


def read(body: bytes) -> Message:
    """Raises Malformed."""
    return decoded(_decode, body)


def is_amazon(url: str) -> bool:
    """Whether an address is one of SNS itself, by HTTPS and on its own port."""
    try:
        parsed = URL(url)
        mine = parsed.scheme == "https" and parsed.explicit_port in (None, 443) and parsed.user is None
    except ValueError:
        return False
    return mine and _HOST.fullmatch(parsed.raw_host or "") is not None


def signed_text(message: Message) -> bytes:
    """What the signature is of: names and values, each on a line of its own, in the order of the names."""
    fields = {"Message": message.message, "MessageId": message.message_id}
    if message.type == "Notification":
        fields |= {"Subject": message.subject} if message.subject is not None else {}
    else:
        fields |= {"SubscribeURL": message.subscribe_url}
    fields |= {"Timestamp": message.timestamp}
    fields |= {"Token": message.token} if message.type != "Notification" else {}
    fields |= {"TopicArn": message.topic_arn, "Type": message.type}
    return "".join(f"{name}\n{value}\n" for name, value in fields.items()).encode()


class Amazon:
    """Proves that messages are Amazon's. The certificates that it fetched are kept, as their addresses never change.

    ``trusted`` says to which addresses it may turn, ``environ`` holds :data:`TOPICS`.
    """

    def __init__(
        self,
        trusted: Callable[[str], bool] = is_amazon,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._trusted = trusted
        self._environ = environ
        self._clock = clock
        self._certificates: dict[str, x509.Certificate] = {}
        self._fetching = asyncio.Lock()

    async def prove(self, headers: Mapping[str, str], body: bytes) -> None:
        """Confirms the subscription, too, where a message asks for that. Raises Malformed, NotAuthentic, CannotTell."""
        message = read(body)
        topics = [topic.strip() for topic in self._environ.get(TOPICS, "").split(",") if topic.strip()]
        if topics and message.topic_arn not in topics:
            raise NotAuthentic(f"The topic {message.topic_arn[:300]!r} is not among those of {TOPICS}.")
        certificate = await self._certificate(message.signing_cert_url)
        if not certificate.not_valid_before_utc <= self._clock() <= certificate.not_valid_after_utc:
            raise NotAuthentic("The certificate of the signature is not valid at this time.")
        _check_signature(message, certificate)
        if message.type == "SubscriptionConfirmation":
            await self._confirm(message)
        elif message.type == "UnsubscribeConfirmation":
            log.warning("sns.unsubscribed", topic=message.topic_arn[:300])

    async def _certificate(self, url: str) -> x509.Certificate:
        if not (self._trusted(url) and URL(url).path.endswith(".pem")):
            raise NotAuthentic("SigningCertURL is no address of a certificate at Amazon SNS.")
        if url in self._certificates:
            return self._certificates[url]
        async with self._fetching:  # or a crowd of first messages would each ask for it
            if url not in self._certificates:
                certificate = _parsed(await _got(url))
                if len(self._certificates) >= _MOST_KEPT:
                    del self._certificates[next(iter(self._certificates))]
                self._certificates[url] = certificate
            return self._certificates[url]

    async def _confirm(self, message: Message) -> None:
        if not self._trusted(message.subscribe_url):
            raise NotAuthentic("SubscribeURL is no address of Amazon SNS.")
        await _got(message.subscribe_url)
        log.info("sns.subscribed", topic=message.topic_arn[:300])


def _is_of_sns(certificate: x509.Certificate) -> bool:
    """Whether it was made out to SNS, everywhere or in one region."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    return any(_SUBJECT.fullmatch(name) for name in names.get_values_for_type(x509.DNSName))


def _check_signature(message: Message, certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or not _is_of_sns(certificate):
        raise NotAuthentic("The certificate of the signature is none of Amazon SNS.")
    try:
        signature = base64.b64decode(message.signature, validate=True)
        key.verify(signature, signed_text(message), PKCS1v15(), _HASHES[message.signature_version]())
    except (InvalidSignature, UnsupportedAlgorithm, binascii.Error, ValueError) as error:
        raise NotAuthentic("The signature of Amazon SNS does not hold for this message.") from error


def _parsed(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise NotAuthentic("At SigningCertURL there is no certificate.") from error


async def _got(url: str) -> bytes:
    """What is at an address, which was found to be trusted: no redirection leads away from it."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True) as session,
            session.get(URL(url), allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise CannotTell(f"Amazon SNS answered {answer.status} at {answer.url.host}.")
            found = bytearray()
            async for chunk in answer.content.iter_chunked(4096):
                found += chunk
                if len(found) > _LARGEST:
                    raise CannotTell(f"Amazon SNS answered with more than {_LARGEST} bytes.")
            return bytes(found)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise CannotTell(f"Amazon SNS is not reached: {type(error).__name__}.") from error
