"""The shifts of a schedule, from wherever tandem.yaml says that it is kept."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

import aiohttp
from pydantic import SecretStr

from bot.domain.oncall.schedule import Schedule, SecretName
from bot.domain.oncall.shift import Shift
from bot.integrations.http import ToolRefused
from bot.integrations.oncall import tools
from bot.integrations.oncall.calendars import fetch_calendar, read_shifts

BEHIND, AHEAD = timedelta(days=1), timedelta(days=56)
"""Which shifts are read: those that hold now, and of the weeks to come, in which nothing may be read any more."""


class OnCallSettings(Protocol):
    """The part of the environment that is about schedules."""

    @property
    def pagerduty_token(self) -> SecretStr | None: ...
    @property
    def pagerduty_url(self) -> str: ...
    @property
    def opsgenie_token(self) -> SecretStr | None: ...
    @property
    def opsgenie_url(self) -> str: ...
    @property
    def grafana_url(self) -> str | None: ...
    @property
    def grafana_irm_url(self) -> str | None: ...
    @property
    def grafana_irm_token(self) -> SecretStr | None: ...


class Fetching:
    """``secrets`` are by name; a calendar's address may be one."""

    def __init__(self, session: aiohttp.ClientSession, settings: OnCallSettings, secrets: Mapping[str, str]) -> None:
        self._session, self._settings, self._secrets = session, settings, secrets

    async def __call__(self, schedule: Schedule, now: datetime) -> list[Shift]:
        """Raises ToolFailure, ToolRefused."""
        begins, ends = now - BEHIND, now + AHEAD
        if schedule.ical is not None:
            content = await fetch_calendar(self._session, self._address(schedule.ical))
            return await read_shifts(content, schedule.zone, begins, ends)
        settings = self._settings
        if schedule.pagerduty is not None:
            token = _needed(settings.pagerduty_token, "TANDEM_PAGERDUTY_TOKEN")
            asked = tools.Asked(settings.pagerduty_url, token, schedule.pagerduty, begins, ends)
            return await tools.pagerduty_shifts(self._session, asked)
        if schedule.opsgenie is not None:
            token = _needed(settings.opsgenie_token, "TANDEM_OPSGENIE_TOKEN")
            asked = tools.Asked(settings.opsgenie_url, token, schedule.opsgenie, begins, ends)
            return await tools.opsgenie_shifts(self._session, asked)
        if schedule.grafana_irm is not None and settings.grafana_irm_url:
            token = _needed(settings.grafana_irm_token, "TANDEM_GRAFANA_IRM_TOKEN")
            asked = tools.Asked(settings.grafana_irm_url, token, schedule.grafana_irm, begins, ends)
            return await tools.grafana_irm_shifts(self._session, asked, settings.grafana_url or "")
        raise ToolRefused("TANDEM_GRAFANA_IRM_URL is not set", 0)

    def _address(self, ical: str | SecretName) -> str:
        if isinstance(ical, str):
            return ical
        if ical.secret not in self._secrets:
            raise ToolRefused(f"its address is not set: TANDEM_SECRET_{ical.secret}", 0)
        return self._secrets[ical.secret]


def _needed(secret: SecretStr | None, variable: str) -> str:
    if secret is None:
        raise ToolRefused(f"{variable} is not set", 0)
    return secret.get_secret_value()
