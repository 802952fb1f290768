"""Settings from the environment."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.cluster.roles import Role
from bot.errors import ConfigError

SECRET_PREFIX = "TANDEM_SECRET_"


class Environment(BaseSettings):
    """What ``tandem`` reads from the environment. Secrets print as asterisks."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: str = Field(default="sqlite:///.tandem/tandem.db", validation_alias="TANDEM_DATABASE_URL")
    inbox_url: SecretStr | None = Field(default=None, validation_alias="TANDEM_INBOX_URL")
    inbox_left: str | None = Field(default=None, validation_alias="TANDEM_INBOX_LEFT")
    replica: str | None = Field(default=None, pattern=r"^[!-~]{1,63}$", validation_alias="TANDEM_REPLICA")
    role: Role = Field(default=Role.ALL, validation_alias="TANDEM_ROLE")
    config: str | None = Field(default=None, validation_alias="TANDEM_CONFIG")
    webhook_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_WEBHOOK_TOKEN")
    separate_api_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_API_TOKEN")
    slack_bot_token: SecretStr | None = Field(default=None, validation_alias="SLACK_BOT_TOKEN")
    slack_signing_secret: SecretStr | None = Field(default=None, validation_alias="SLACK_SIGNING_SECRET")
    slack_app_token: SecretStr | None = Field(default=None, validation_alias="SLACK_APP_TOKEN")
    model_store: str | None = Field(default=None, validation_alias="TANDEM_MODEL_STORE")
    model_retention_days: int = Field(default=90, ge=1, le=36_500, validation_alias="TANDEM_MODEL_RETENTION_DAYS")
    archive: str | None = Field(default=None, validation_alias="TANDEM_ARCHIVE")
    slack_api_url: str = Field(default="https://slack.com/api/", validation_alias="SLACK_API_URL")
    llm_api_key: SecretStr | None = Field(default=None, validation_alias="TANDEM_LLM_API_KEY")
    alertmanager_url: str | None = Field(default=None, validation_alias="TANDEM_ALERTMANAGER_URL")
    alertmanager_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_ALERTMANAGER_TOKEN")
    grafana_url: str | None = Field(default=None, validation_alias="TANDEM_GRAFANA_URL")
    grafana_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_GRAFANA_TOKEN")
    pagerduty_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_PAGERDUTY_TOKEN")
    pagerduty_from: str | None = Field(default=None, validation_alias="TANDEM_PAGERDUTY_FROM")
    pagerduty_url: str = Field(default="https://api.pagerduty.com", validation_alias="TANDEM_PAGERDUTY_URL")
    opsgenie_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_OPSGENIE_TOKEN")
    opsgenie_url: str = Field(default="https://api.opsgenie.com", validation_alias="TANDEM_OPSGENIE_URL")
    most_waiting: int = Field(default=1_000_000, ge=1, validation_alias="TANDEM_MOST_WAITING")
    log_format: Literal["json", "text"] | None = Field(default=None, validation_alias="TANDEM_LOG_FORMAT")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", validation_alias="TANDEM_LOG_LEVEL")
    deadman_url: SecretStr | None = Field(default=None, validation_alias="TANDEM_DEADMAN_URL")
    deadman_every: float = Field(default=30.0, ge=1, le=3600, validation_alias="TANDEM_DEADMAN_EVERY")
    silences_every: float = Field(default=30.0, ge=1, le=3600, validation_alias="TANDEM_SILENCES_EVERY")

    @field_validator("role")
    @classmethod
    def _meets_others(cls, role: Role, info: ValidationInfo) -> Role:
        if role is not Role.ALL and str(info.data.get("database_url", "")).startswith("sqlite"):
            said = "doors and workers meet in PostgreSQL: set TANDEM_DATABASE_URL, or leave this out"
            raise PydanticCustomError("role", said)
        return role

    @property
    def model_retention(self) -> timedelta:
        """For how long predictions and labels are kept."""
        return timedelta(days=self.model_retention_days)

    @property
    def inbox_address(self) -> str | None:
        """Where the inbox is; None is in the database."""
        return self.inbox_url.get_secret_value() if self.inbox_url else None

    @property
    def api_token(self) -> SecretStr | None:
        """The bearer token of the API: its own, or else the webhooks'."""
        return self.separate_api_token or self.webhook_token


def read_environment() -> Environment:
    """Raises ConfigError where a variable cannot be used."""
    try:
        return Environment()
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from error


def secrets_from(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The secrets that runbooks may name: ``TANDEM_SECRET_X`` is the secret ``X``."""
    return {
        name.removeprefix(SECRET_PREFIX): value for name, value in environ.items() if name.startswith(SECRET_PREFIX)
    }
