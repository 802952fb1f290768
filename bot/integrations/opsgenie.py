"""Acknowledges and closes Opsgenie's alerts. https://docs.opsgenie.com/docs/alert-api"""

from urllib.parse import quote

import aiohttp

from bot.integrations.http import call
from bot.storage.queries.tools import State

URL = "https://api.opsgenie.com"
NAME, TITLE = "opsgenie", "Opsgenie"
_ACTION = {State.ACKNOWLEDGED: "acknowledge", State.RESOLVED: "close"}


class Opsgenie:
    """``token`` is an API key that may update alerts. What Opsgenie accepts (202), it does a moment later."""

    name, title = NAME, TITLE

    def __init__(self, token: str, url: str = URL) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"GenieKey {token}"}

    async def send_status(self, session: aiohttp.ClientSession, target: str, state: State, note: str) -> None:
        url = f"{self._url}/v2/alerts/{quote(target, safe='')}/{_ACTION[state]}?identifierType=id"
        await call(session, "POST", url, self._headers, {"user": "Tandem", "source": "Tandem", "note": note})
