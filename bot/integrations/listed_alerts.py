"""Alertmanager's and Grafana's own list of what fires, and what their status says of them.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import aiohttp
import msgspec
import yaml

from bot.integrations.http import ToolFailure, call

_LIST = "alerts?active=true&silenced=true&inhibited=true&unprocessed=true"
_SLICE = 500
_HIDDEN = "<secret>"


class Listed(NamedTuple):
    """One alert of the list; ``active``: neither silenced, inhibited nor muted there."""

    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: datetime
    link: str
    receivers: frozenset[str]
    active: bool


class Listing(NamedTuple):
    """The whole list by fingerprint, since when the tool runs, and which of its receivers seem to lead here."""

    alerts: Mapping[str, Listed]
    running_since: datetime | None
    receivers: frozenset[str]


class ListingTool(Protocol):
    """``name`` is that of the source, ``title`` what people call it."""

    name: str
    title: str

    async def listing(self, session: aiohttp.ClientSession) -> Listing:
        """Raises ToolFailure, ToolRefused."""


class _Name(msgspec.Struct, frozen=True):
    name: str


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    state: str
    muted_by: list[str] | None = None


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    fingerprint: str
    labels: dict[str, str]
    starts_at: datetime
    status: _Status
    annotations: dict[str, str] = {}
    receivers: list[_Name] = []
    generator_url: str = msgspec.field(name="generatorURL", default="")


class _Config(msgspec.Struct, frozen=True):
    original: str = ""


class _Standing(msgspec.Struct, frozen=True):
    uptime: datetime | None = None
    config: _Config | None = None


_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_alert = msgspec.json.Decoder(_Alert).decode
_decode_standing = msgspec.json.Decoder(_Standing).decode


class AlertmanagerListing:
    """``url`` ends before ``/api/v2``; ``token`` is shown as a bearer token where there is one."""

    def __init__(self, name: str, title: str, url: str, token: str | None) -> None:
        self.name, self.title = name, title
        self._api = f"{url.rstrip('/')}/api/v2"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def listing(self, session: aiohttp.ClientSession) -> Listing:
        """Raises ToolFailure, ToolRefused."""
        try:
            standing = _decode_standing(await call(session, "GET", f"{self._api}/status", self._headers))
            raw = _decode_list(await call(session, "GET", f"{self._api}/{_LIST}", self._headers))
            alerts = await _decoded(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ToolFailure(f"its alerts cannot be read: {error}") from error
        config = standing.config.original if standing.config else ""
        return Listing(alerts, standing.uptime, frozenset(_leading_here(self.name, config)))


async def _decoded(raw: list[msgspec.Raw]) -> dict[str, Listed]:
    """A slice at a time: a list may be long."""
    found: dict[str, Listed] = {}
    for begin in range(0, len(raw), _SLICE):
        for one in raw[begin : begin + _SLICE]:
            alert = _decode_alert(one)
            found[alert.fingerprint] = _listed(alert)
        await asyncio.sleep(0)
    return found


def _listed(alert: _Alert) -> Listed:
    """Labels and annotations that begin with two underscores are the tool's own, and are in no delivery."""
    return Listed(
        fingerprint=alert.fingerprint,
        labels=_shown(alert.labels),
        annotations=_shown(alert.annotations),
        starts_at=alert.starts_at,
        link=alert.generator_url if alert.generator_url.startswith(("http://", "https://")) else "",
        receivers=frozenset(receiver.name for receiver in alert.receivers),
        active=alert.status.state == "active" and not alert.status.muted_by,
    )


def _shown(texts: Mapping[str, str]) -> dict[str, str]:
    """Without NUL, which PostgreSQL cannot store."""
    return {name: value.replace("\0", "\ufffd") for name, value in texts.items() if not name.startswith("__")}


def _leading_here(source: str, config: str) -> Iterator[str]:
    """The receivers with a webhook of this source's path; where addresses are hidden, the only one with a webhook."""
    addresses = {name: [*urls] for name, urls in _webhooks(config)}
    for name, urls in addresses.items():
        if any(f"/webhooks/{source}" in url for url in urls) or (urls and len(addresses) == 1 and urls == [_HIDDEN]):
            yield name


def _webhooks(config: str) -> Iterator[tuple[str, list[str]]]:
    try:
        read: Any = yaml.safe_load(config)
        for receiver in read["receivers"]:
            webhooks = receiver.get("webhook_configs") or []
            if webhooks:
                yield str(receiver["name"]), [str(webhook.get("url", "")) for webhook in webhooks]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        return
