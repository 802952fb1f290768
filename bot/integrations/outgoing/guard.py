"""Which addresses are called: a name is resolved once, all it resolves to is checked, and only that is connected to."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL

from bot.errors import TandemError

_NAT64 = ip_network("64:ff9b::/96")


class AddressRefused(TandemError):
    """The address is not of the public Internet."""


def check_address(text: str) -> None:
    """Raises AddressRefused for a private, loopback, link-local, shared, reserved or multicast address."""
    address = _meant(ip_address(text.partition("%")[0]))
    if not address.is_global or address.is_multicast:
        raise AddressRefused("its address is not public: say `allow_private: true` if that is meant")


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address within an IPv6 one, where it is only another spelling of it."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def check_literal(url: str) -> None:
    """The same for an address that stands in the URL itself, however it is spelt: it is never resolved."""
    try:
        found = socket.getaddrinfo(URL(url).host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return  # a name
    for *_, address in found:
        check_address(str(address[0]))


async def check_name(url: str) -> None:
    """The same for what a name resolves to here, where a proxy resolves it again: a name known only there passes."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(URL(url).host, None, type=socket.SOCK_STREAM)
    except OSError:
        return
    for *_, address in found:
        check_address(str(address[0]))


async def check_destination(url: str) -> None:
    """What is to be checked before a session of :func:`open_guarded` is used. Raises AddressRefused."""
    check_literal(url)
    if goes_by_proxy(url):
        await check_name(url)


def open_guarded(url: str, allow_private: bool, most: int) -> aiohttp.ClientSession:
    """Connects to what was checked; or to the proxy of the environment, which mostly has a private address itself."""
    resolver = None if allow_private or goes_by_proxy(url) else GuardedResolver()
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, limit=most)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True)


def goes_by_proxy(url: str) -> bool:
    """By the rule of aiohttp itself, so that no call is neither guarded nor sent to a proxy."""
    try:
        get_env_proxy_for_url(URL(url))
    except LookupError:
        return False
    return True


class GuardedResolver(AbstractResolver):
    """aiohttp connects to what this returns, and resolves nothing again."""

    def __init__(self) -> None:
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            check_address(one["host"])
        return found

    async def close(self) -> None:
        await self._resolver.close()
