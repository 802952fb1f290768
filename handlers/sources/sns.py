"""Amazon SNS over HTTP: whether Amazon signed a message, and the handshake by which a subscription begins.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html
"""

import asyncio
import base64
import binascii
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import aiohttp
import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from yarl import URL

from handlers.sources.certificates import Trust, check_chain, complete, parsed, public_roots
from handlers.sources.registry import NotAuthentic, Unverifiable
from handlers.sources.sns_message import TOPICS, Message, read, signed_text, topics_in
from handlers.sources.sns_names import certificate_name, is_amazon, is_authority
from handlers.sources.timestamps import from_iso

OLDEST = timedelta(minutes=75)
"""SNS sends a message again for at most an hour; an older one was kept by somebody."""
_AHEAD = timedelta(minutes=15)
AMAZON = Trust(is_amazon, is_authority, public_roots)
_HASHES = {"1": SHA1, "2": SHA256}
_TIMEOUT = aiohttp.ClientTimeout(total=8)  # SNS waits for 15 seconds
_LARGEST = 64 * 1024
_MOST_KEPT = 16

log = structlog.get_logger(__name__)


class Amazon:
    """Proves that messages are Amazon's. The certificates that it fetched are kept, as their addresses never change.

    ``environ`` holds ``TANDEM_CLOUDWATCH_TOPICS``.
    """

    def __init__(
        self,
        trust: Trust = AMAZON,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._trust = trust
        self._environ = environ
        self._clock = clock
        self._chains: dict[str, list[x509.Certificate]] = {}
        self._fetching = asyncio.Lock()

    async def prove(self, headers: Mapping[str, str], body: bytes) -> None:
        """Confirm the subscription too, where a message asks for it. Raises Malformed, NotAuthentic, Unverifiable."""
        message = read(body)
        now = self._clock()
        topics = topics_in(self._environ)
        if topics and message.topic_arn not in topics:
            raise NotAuthentic(f"The topic {message.topic_arn[:300]!r} is not among those of {TOPICS}.")
        _check_age(message, now)
        chain = await self._chain(message.signing_cert_url)
        certificate = chain[0]
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise NotAuthentic("The certificate of the signature is not valid at this time.")
        _check_signature(message, certificate)
        check_chain(chain, certificate_name(message.topic_arn), self._trust.roots(), now)
        if message.type == "SubscriptionConfirmation":
            await self._confirm(message)
        elif message.type == "UnsubscribeConfirmation":
            log.warning("sns.unsubscribed", topic=message.topic_arn[:300])

    async def _chain(self, url: str) -> list[x509.Certificate]:
        if not (self._trust.host(url) and URL(url).path.endswith(".pem")):
            raise NotAuthentic("SigningCertURL is no address of a certificate at Amazon SNS.")
        if url in self._chains:
            return self._chains[url]
        async with self._fetching:  # or a crowd of first messages would each ask for it
            if url not in self._chains:
                chain = await complete(parsed(await _got(url)), self._trust, _got)
                if len(self._chains) >= _MOST_KEPT:
                    del self._chains[next(iter(self._chains))]
                self._chains[url] = chain
            return self._chains[url]

    async def _confirm(self, message: Message) -> None:
        if not self._trust.host(message.subscribe_url):
            raise NotAuthentic("SubscribeURL is no address of Amazon SNS.")
        await _got(message.subscribe_url)
        log.info("sns.subscribed", topic=message.topic_arn[:300])


def _check_age(message: Message, now: datetime) -> None:
    """Raises NotAuthentic for a message that is sent again long after it was published, Malformed for no timestamp."""
    published = from_iso(message.timestamp, "$.Timestamp")
    if published is None or not -_AHEAD <= now - published <= OLDEST:
        raise NotAuthentic(f"The message is of {message.timestamp[:40]!r}: SNS sends none that is older than an hour.")


def _check_signature(message: Message, certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise NotAuthentic("The certificate of the signature is none of Amazon SNS.")
    try:
        signature = base64.b64decode(message.signature, validate=True)
        key.verify(signature, signed_text(message), PKCS1v15(), _HASHES[message.signature_version]())
    except (InvalidSignature, UnsupportedAlgorithm, binascii.Error, ValueError) as error:
        raise NotAuthentic("The signature of Amazon SNS does not hold for this message.") from error


async def _got(url: str) -> bytes:
    """What is at an address, which was found to be trusted: no redirection leads away from it."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True) as session,
            session.get(URL(url), allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise Unverifiable(f"Amazon SNS answered {answer.status} at {answer.url.host}.")
            found = bytearray()
            async for chunk in answer.content.iter_chunked(4096):
                found += chunk
                if len(found) > _LARGEST:
                    raise Unverifiable(f"Amazon SNS answered with more than {_LARGEST} bytes.")
            return bytes(found)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unverifiable(f"Amazon SNS is not reached: {type(error).__name__}.") from error
