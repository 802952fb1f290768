"""The tools that the environment configures."""

from typing import Protocol

import structlog
from pydantic import SecretStr

from bot.integrations.alertmanager import GRAFANA_PATH, alertmanager_silences, grafana_silences
from bot.integrations.listed_alerts import AlertmanagerListing, ListingTool
from bot.integrations.opsgenie import Opsgenie
from bot.integrations.pagerduty import PagerDuty
from bot.integrations.silences import SilenceTool
from bot.integrations.statuses import StatusTool

log = structlog.get_logger(__name__)


class Settings(Protocol):
    """The part of the environment that is about tools."""

    @property
    def alertmanager_url(self) -> str | None: ...
    @property
    def alertmanager_token(self) -> SecretStr | None: ...
    @property
    def grafana_url(self) -> str | None: ...
    @property
    def grafana_token(self) -> SecretStr | None: ...
    @property
    def pagerduty_token(self) -> SecretStr | None: ...
    @property
    def pagerduty_from(self) -> str | None: ...
    @property
    def pagerduty_url(self) -> str: ...
    @property
    def opsgenie_token(self) -> SecretStr | None: ...
    @property
    def opsgenie_url(self) -> str: ...


def silence_tools(settings: Settings) -> list[SilenceTool]:
    """The tools that silences are shared with."""
    found: list[SilenceTool] = []
    if settings.alertmanager_url:
        token = settings.alertmanager_token
        found.append(alertmanager_silences(settings.alertmanager_url, token.get_secret_value() if token else None))
    if settings.grafana_url and settings.grafana_token:
        found.append(grafana_silences(settings.grafana_url, settings.grafana_token.get_secret_value()))
    elif settings.grafana_url or settings.grafana_token:
        log.warning("tools.half_configured", tool="grafana", needs="TANDEM_GRAFANA_URL and TANDEM_GRAFANA_TOKEN")
    return found


def listing_tools(settings: Settings) -> list[ListingTool]:
    """The tools whose own list of what fires can be asked for."""
    found: list[ListingTool] = []
    if settings.alertmanager_url:
        token = settings.alertmanager_token
        secret = token.get_secret_value() if token else None
        found.append(AlertmanagerListing("alertmanager", "Alertmanager", settings.alertmanager_url, secret))
    if settings.grafana_url and settings.grafana_token:
        url, secret = settings.grafana_url.rstrip("/") + GRAFANA_PATH, settings.grafana_token.get_secret_value()
        found.append(AlertmanagerListing("grafana", "Grafana", url, secret))
    return found


def status_tools(settings: Settings) -> list[StatusTool]:
    """The tools that are told of acknowledgements and resolutions."""
    found: list[StatusTool] = []
    if settings.pagerduty_token and settings.pagerduty_from:
        token = settings.pagerduty_token.get_secret_value()
        found.append(PagerDuty(token, settings.pagerduty_from, settings.pagerduty_url))
    elif settings.pagerduty_token or settings.pagerduty_from:
        log.warning("tools.half_configured", tool="pagerduty", needs="TANDEM_PAGERDUTY_TOKEN and TANDEM_PAGERDUTY_FROM")
    if settings.opsgenie_token:
        found.append(Opsgenie(settings.opsgenie_token.get_secret_value(), settings.opsgenie_url))
    return found
