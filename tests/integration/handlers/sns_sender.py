"""Something that stands where Amazon SNS is: it has a certificate, signs messages, and counts who confirms."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from handlers.sources.sns_message import Message, signed_text

NOW = datetime(2026, 3, 7, 12, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
_NO_USE = dict.fromkeys(
    (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("encipher_only", "decipher_only"),
    ),
    False,
)
_SIGNS_CERTIFICATES = x509.KeyUsage(**_NO_USE, key_cert_sign=True, crl_sign=True)
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
ALARM = {"AlarmName": "load is high", "NewStateValue": "ALARM", "StateChangeTime": "2026-03-07T11:59:00.000+0000"}


@cache
def key_pair() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def authority_key(name: str) -> ec.EllipticCurvePrivateKey:
    """One for each authority."""
    return ec.generate_private_key(ec.SECP256R1())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(name: str, key: PublicKey, issuer: str, until: datetime) -> x509.CertificateBuilder:
    """What a certificate of any kind has."""
    builder = x509.CertificateBuilder(_name(issuer), _name(name), key, x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=30)).not_valid_after(until)
    of_issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key(issuer).public_key())
    return builder.add_extension(of_issuer, critical=False)


@cache
def authority(name: str = "Root", issuer: str = "Root") -> x509.Certificate:
    """A root, or one that another authority has certified."""
    key = authority_key(name).public_key()
    builder = _builder(name, key, issuer, NOW + timedelta(days=365))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    builder = builder.add_extension(_SIGNS_CERTIFICATES, critical=True)
    return builder.sign(authority_key(issuer), SHA256())


def certificate_for(
    name: str = "sns.amazonaws.com",
    until: datetime = NOW + timedelta(days=1),
    elliptic: bool = False,
    issuer: str = "Root",
    issuer_at: str | None = None,
) -> bytes:
    """``issuer_at`` is where the certificate says its issuer's one is."""
    key = ec.generate_private_key(ec.SECP256R1()) if elliptic else key_pair()
    builder = _builder(name, key.public_key(), issuer, until)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    if issuer_at:
        there = x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(issuer_at)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([there]), critical=False)
    return builder.sign(authority_key(issuer), SHA256()).public_bytes(Encoding.PEM)


class Sender:
    """``certificate`` is what it shows, ``asked`` how often for what."""

    def __init__(self) -> None:
        self.certificate = certificate_for()
        self.status = 200
        self.asked: dict[str, int] = {}
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked[request.path] = self.asked.get(request.path, 0) + 1
        headers = {"Location": "/elsewhere"} if self.status == 302 else {}
        if request.path == "/issuer.cer":
            return web.Response(body=authority("Between", "Root").public_bytes(Encoding.DER))
        return web.Response(body=self.certificate, status=self.status, headers=headers)

    def body(self, kind: str = "Notification", version: str = "2", topic: str = TOPIC, **fields: Any) -> bytes:
        """A message, signed as it is before ``fields`` replace what it says."""
        message: dict[str, Any] = {
            "Type": kind,
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": topic,
            "Message": msgspec.json.encode(ALARM).decode(),
            "Timestamp": "2026-03-07T11:59:01.000Z",
            "SignatureVersion": version,
            "SigningCertURL": f"{self.url}/certificate.pem",
        }
        if kind != "Notification":
            message |= {"Token": "t0ken", "SubscribeURL": f"{self.url}/confirm?Token=t0ken"}
        said = msgspec.convert({**message, "Signature": ""}, Message)
        digest = SHA1() if version == "1" else SHA256()
        signature = key_pair().sign(signed_text(said), PKCS1v15(), digest)
        return msgspec.json.encode({**message, "Signature": base64.b64encode(signature).decode(), **fields})


@asynccontextmanager
async def sending() -> AsyncIterator[Sender]:
    sender = Sender()
    http = web.Application()
    http.router.add_get("/{path}", sender.answer)
    server = TestServer(http)
    await server.start_server()
    sender.url = str(server.make_url("")).rstrip("/")
    yield sender
    await server.close()
