"""Whether a certificate was issued, over however many steps, by an authority that browsers trust.

What a certificate names as the address of its issuer is fetched where the chain is not given with it.
https://www.rfc-editor.org/rfc/rfc5280#section-4.2.2.1
"""

import re
import warnings
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

import certifi
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from handlers.sources.registry import NotAuthentic

_MOST_ISSUERS = 3
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

Fetch = Callable[[str], Awaitable[bytes]]


class Trust(NamedTuple):
    """``host`` says which addresses certificates may be fetched from, ``authority`` which those of their issuers.

    ``roots`` are the authorities where a chain may end.
    """

    host: Callable[[str], bool]
    authority: Callable[[str], bool]
    roots: Callable[[], Sequence[x509.Certificate]]


@cache
def public_roots() -> Sequence[x509.Certificate]:
    """Mozilla's authorities, without any that is malformed."""
    found: list[x509.Certificate] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for pem in _PEM.findall(certifi.contents()):
            with suppress(ValueError):
                found.append(x509.load_pem_x509_certificate(pem.encode()))
    return found


def parsed(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a file, the first of which is meant. Raises NotAuthentic."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise NotAuthentic("At SigningCertURL there is no certificate.") from error


async def complete(chain: list[x509.Certificate], trust: Trust, fetch: Fetch) -> list[x509.Certificate]:
    """The chain with the issuers that it lacks, as far as they are told. Raises NotAuthentic, Unverifiable."""
    known = list(chain)
    roots = {root.subject.public_bytes() for root in trust.roots()}
    for _ in range(_MOST_ISSUERS):
        last = known[-1]
        if last.issuer.public_bytes() in roots or (address := _issuer_address(last)) is None:
            break
        if not trust.authority(address):
            raise NotAuthentic("The certificate names an issuer that is no authority of Amazon's.")
        known.append(_issuer(await fetch(address)))
    return known


def check_chain(chain: Sequence[x509.Certificate], name: str, roots: Sequence[x509.Certificate], now: datetime) -> None:
    """Raises NotAuthentic where the first certificate is not for ``name``, or its chain does not end at a root."""
    moment = now.astimezone(UTC).replace(tzinfo=None)
    verifier = PolicyBuilder().store(Store(list(roots))).time(moment).build_server_verifier(x509.DNSName(name))
    try:
        verifier.verify(chain[0], list(chain[1:]))
    except VerificationError as error:
        why = f"The certificate of the signature was not issued to {name} by a trusted authority."
        raise NotAuthentic(why) from error


def _issuer(data: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(data) if b"-----BEGIN" in data else x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise NotAuthentic("Where the certificate names its issuer there is no certificate.") from error


def _issuer_address(certificate: x509.Certificate) -> str | None:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None
    for one in access:
        if one.access_method == AuthorityInformationAccessOID.CA_ISSUERS:
            location = one.access_location
            return location.value if isinstance(location, x509.UniformResourceIdentifier) else None
    return None
