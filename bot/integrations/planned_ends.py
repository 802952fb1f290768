"""Until when alerts fire by Alertmanager's and Grafana's own list, if whoever raised them renews them no more.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime

import aiohttp
import msgspec
import structlog

from bot.domain.runs.verification import Listing
from bot.integrations.alertmanager import GRAFANA_PATH
from bot.integrations.configured import Settings
from bot.integrations.http import ToolFailure, ToolRefused, call

WITHIN = 3.0
"""Seconds: a source that answers later is passed over this time."""
_LIST = "/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true"
_STATUS = "/api/v2/status"

log = structlog.get_logger(__name__)


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    fingerprint: str
    ends_at: datetime


class _Standing(msgspec.Struct, frozen=True):
    uptime: datetime | None = None


_decode = msgspec.json.Decoder(list[_Alert]).decode
_decode_standing = msgspec.json.Decoder(_Standing).decode


class PlannedEnds:
    """Of the sources whose address ``settings`` hold."""

    def __init__(self, settings: Settings) -> None:
        self._sources = dict(_sources(settings))

    async def read(self) -> Mapping[str, Listing]:
        """The lists by source. A source that does not answer is left out."""
        if not self._sources:
            return {}
        async with aiohttp.ClientSession(trust_env=True) as session:
            found = await asyncio.gather(*(self._of(source, session) for source in self._sources))
        return {source: listing for source, listing in zip(self._sources, found, strict=True) if listing is not None}

    async def _of(self, source: str, session: aiohttp.ClientSession) -> Listing | None:
        url, headers = self._sources[source]
        try:
            async with asyncio.timeout(WITHIN):
                standing = _decode_standing(await call(session, "GET", url + _STATUS, headers))
                alerts = _decode(await call(session, "GET", url + _LIST, headers))
        except (ToolFailure, ToolRefused, TimeoutError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("verification.source_unknown", source=source, reason=str(error))
            return None
        return Listing({alert.fingerprint: alert.ends_at for alert in alerts}, standing.uptime)


def _sources(settings: Settings) -> list[tuple[str, tuple[str, dict[str, str]]]]:
    """The address before `/api/v2` and the headers of each source."""
    found = []
    known = (
        ("alertmanager", settings.alertmanager_url, "", settings.alertmanager_token),
        ("grafana", settings.grafana_url if settings.grafana_token else None, GRAFANA_PATH, settings.grafana_token),
    )
    for source, url, path, token in known:
        if url:
            headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
            found.append((source, (url.rstrip("/") + path, headers)))
    return found
