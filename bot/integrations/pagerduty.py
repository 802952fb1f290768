"""Acknowledges and resolves PagerDuty's incidents.

https://developer.pagerduty.com/api-reference/8a0e1aa2ec666-update-an-incident
"""

from urllib.parse import quote

import aiohttp

from bot.integrations.http import call
from bot.storage.queries.tools import State

URL = "https://api.pagerduty.com"
NAME, TITLE = "pagerduty", "PagerDuty"


class PagerDuty:
    """``sender`` is the address of a user of the account, in whose name it is done (the header ``From``)."""

    name, title = NAME, TITLE

    def __init__(self, token: str, sender: str, url: str = URL) -> None:
        self._url = url.rstrip("/")
        self._headers = {
            "Authorization": f"Token token={token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
            "From": sender,
        }

    async def send_status(self, session: aiohttp.ClientSession, target: str, state: State, note: str) -> None:
        incident = {"type": "incident_reference", "status": state.value}
        if state is State.RESOLVED:
            incident["resolution"] = note
        url = f"{self._url}/incidents/{quote(target, safe='')}"
        await call(session, "PUT", url, self._headers, {"incident": incident})
