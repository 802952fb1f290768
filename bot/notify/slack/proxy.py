"""The proxy of the environment for Slack's connections: HTTP_PROXY, HTTPS_PROXY and NO_PROXY.

aiohttp itself goes by them for HTTP where a session has ``trust_env``. It does not for WebSockets, where it knows
WS_PROXY and WSS_PROXY alone; and slack_sdk's clients take a proxy from the environment without a look at NO_PROXY.
"""

from urllib.request import getproxies, proxy_bypass

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from bot.notify.budget.budgets import give_budget

_LIKE = {"ws": "http", "wss": "https"}


def proxy_for(address: str) -> tuple[URL | None, aiohttp.BasicAuth | None]:
    """The proxy for an address, and what it wants to know; neither where it is reached directly."""
    url = URL(address)
    given = getproxies().get(_LIKE.get(url.scheme, url.scheme))
    if not given or proxy_bypass(f"{url.host}:{url.port}"):
        return None, None
    proxy = URL(given)
    if proxy.user is None:
        return proxy, None
    return proxy.with_user(None), aiohttp.BasicAuth(proxy.user, proxy.password or "")


def make_client(token: str, base_url: str, session: aiohttp.ClientSession) -> AsyncWebClient:
    """A client whose session alone decides about proxies, and whose channels make no more calls than Slack takes."""
    client = AsyncWebClient(token=token, base_url=base_url.rstrip("/") + "/", session=session, retry_handlers=[])
    client.proxy = None
    give_budget(client)
    return client
