"""PagerDuty's Events API v2, Opsgenie's alerts (Jira Service Management takes the same), and webhooks.

All three know the incident by its id, so that the same call made twice, as after a crash, is one.

https://developer.pagerduty.com/docs/send-alert-event
https://docs.opsgenie.com/docs/alert-api
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from bot.domain.incident import Incident
from bot.domain.oncall.page import Act, Page
from bot.domain.severity import Severity
from bot.errors import CallFailed, CallRefused, LostLease
from bot.integrations.http import ToolFailure, ToolRefused, call
from bot.integrations.standard_webhooks import signed_headers

_PAGERDUTY_SEVERITY = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}
_OPSGENIE_PRIORITY = {Severity.CRITICAL: "P1", Severity.HIGH: "P2", Severity.WARNING: "P3", Severity.INFO: "P5"}
_OPSGENIE_ACT = {Act.ACKNOWLEDGE: "acknowledge", Act.RESOLVE: "close"}
_MOST_SERVICES = 20


class Pagers:
    """``secrets`` are by name. ``may`` is asked immediately before each call: where it is not ours to make any more,
    LostLease is raised."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        secrets: Mapping[str, str],
        clock: Callable[[], datetime],
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._session, self._secrets, self._clock, self._may = session, secrets, clock, may

    async def pagerduty(self, page: Page, incident: Incident) -> None:
        """Raises CallFailed, CallRefused."""
        event: dict[str, Any] = {
            "routing_key": self._secret(page),
            "event_action": page.act.value,
            "dedup_key": incident.id,
        }
        if page.act is Act.TRIGGER:
            event |= {"client": "Tandem", "payload": _pagerduty_payload(page, incident)}
        await self._call(page.target["url"], {}, event)

    async def opsgenie(self, page: Page, incident: Incident) -> None:
        """Raises CallFailed, CallRefused."""
        headers = {"Authorization": f"GenieKey {self._secret(page)}"}
        url = str(page.target["url"]).rstrip("/")
        if page.act is Act.TRIGGER:
            await self._call(url, headers, _opsgenie_alert(page, incident))
            return
        address = f"{url}/{quote(incident.id, safe='')}/{_OPSGENIE_ACT[page.act]}?identifierType=alias"
        await self._call(address, headers, {"source": "Tandem", "user": "Tandem"})

    async def webhook(self, page: Page, incident: Incident) -> None:
        """Raises CallFailed, CallRefused."""
        moment = self._clock()
        body = {
            "type": f"escalation.{page.act}",
            "timestamp": moment.isoformat(),
            "data": _facts(page, incident),
        }
        name = f"msg_{hashlib.sha256(page.key.encode()).hexdigest()[:32]}"
        secret = self._secret(page) if page.target.get("secret") else None
        headers = signed_headers(name, moment, msgspec.json.encode(body), secret)
        await self._call(page.target["url"], headers, body)

    def _secret(self, page: Page) -> str:
        name = str(page.target["secret"])
        if name not in self._secrets:
            raise CallRefused(f"TANDEM_SECRET_{name} is not set")
        return self._secrets[name]

    async def _call(self, url: str, headers: Mapping[str, str], body: Any) -> None:
        if not self._may():
            raise LostLease("another replica makes the calls of escalations by now")
        async with _as_call():
            encoded = msgspec.json.encode(body)
            await call(self._session, "POST", url, {**headers, "Content-Type": "application/json"}, data=encoded)


@asynccontextmanager
async def _as_call() -> AsyncIterator[None]:
    try:
        yield
    except ToolRefused as refused:
        raise CallRefused(str(refused)) from refused
    except ToolFailure as failure:
        raise CallFailed(str(failure), failure.retry_after) from failure


def _facts(page: Page, incident: Incident) -> dict[str, Any]:
    return {
        "incident": {
            "id": incident.id,
            "number": incident.number,
            "title": incident.title,
            "status": incident.status.value,
            "severity": incident.severity.value,
            "summary": incident.summary,
            "services": incident.services[:_MOST_SERVICES],
            "opened_at": incident.opened_at.isoformat(),
            "acknowledged_by": incident.acknowledged_by,
        },
        "escalation": page.escalation,
        "step": page.step + 1,
        "round": page.round + 1,
    }


def _pagerduty_payload(page: Page, incident: Incident) -> dict[str, Any]:
    """See https://developer.pagerduty.com/docs/send-alert-event#payload."""
    return {
        "summary": f"#{incident.number} {incident.title}"[:1024],
        "source": next(iter(incident.services), "") or "tandem",
        "severity": _PAGERDUTY_SEVERITY[incident.severity],
        "timestamp": incident.opened_at.isoformat(),
        "custom_details": _facts(page, incident),
    }


def _opsgenie_alert(page: Page, incident: Incident) -> dict[str, Any]:
    """See https://docs.opsgenie.com/docs/alert-api#create-alert."""
    return {
        "message": f"#{incident.number} {incident.title}"[:130],
        "alias": incident.id,
        "description": f"{incident.title}\n\n{incident.summary}"[:15_000],
        "priority": _OPSGENIE_PRIORITY[incident.severity],
        "source": "Tandem",
        "entity": next(iter(incident.services), "")[:512],
        "details": {"number": str(incident.number), "severity": incident.severity.value},
    }
