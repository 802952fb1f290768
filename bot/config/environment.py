"""Settings from the environment."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from pydantic import ByteSize, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.cluster.roles import Role
from bot.config.secret_files import secret_in
from bot.errors import ConfigError

SECRET_FILE = "_FILE"
SECRET_PREFIX = "TANDEM_SECRET_"


class Environment(BaseSettings):
    """What ``tandem`` reads from the environment. Secrets print as asterisks."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: str = Field(default="sqlite:///.tandem/tandem.db", validation_alias="TANDEM_DATABASE_URL")
    """The database: `sqlite:///PATH` or `postgresql://…`."""
    inbox_url: SecretStr | None = Field(default=None, validation_alias="TANDEM_INBOX_URL")
    """`nats://…`: keep the inbox in a stream of NATS JetStream; see operations.md."""
    inbox_left: str | None = Field(default=None, validation_alias="TANDEM_INBOX_LEFT")
    """The name of an inbox in a stream that is given up; the error at the start says it. See operations.md."""
    partitions: int | None = Field(default=None, ge=1, le=1024, validation_alias="TANDEM_PARTITIONS")
    """At the first start on a database: how many partitions, 1 to 1024, default 16; `tandem partitions` changes it."""
    replica: str | None = Field(default=None, pattern=r"^[!-~]{1,63}$", validation_alias="TANDEM_REPLICA")
    """PostgreSQL only: this replica's name, which no other may have. Default: the host's name and a random part."""
    role: Role = Field(default=Role.ALL, validation_alias="TANDEM_ROLE")
    """PostgreSQL only: what this replica does: `all`, only endpoints (`doors`), or only work (`workers`)."""
    config: str | None = Field(default=None, validation_alias="TANDEM_CONFIG")
    """The configuration file; default `tandem.yaml`."""
    webhook_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_WEBHOOK_TOKEN")
    """The bearer token of the webhooks; without it every delivery is refused."""
    separate_api_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_API_TOKEN")
    """The bearer token of the JSON API; default: the webhook token."""
    slack_bot_token: SecretStr | None = Field(default=None, validation_alias="SLACK_BOT_TOKEN")
    """The Bot User OAuth Token, `xoxb-…`."""
    slack_signing_secret: SecretStr | None = Field(default=None, validation_alias="SLACK_SIGNING_SECRET")
    """Checks Slack's signature in HTTP mode."""
    slack_app_token: SecretStr | None = Field(default=None, validation_alias="SLACK_APP_TOKEN")
    """The app-level token, `xapp-…`; where it is set, Socket Mode is used."""
    slack_client_id: str | None = Field(default=None, max_length=200, validation_alias="SLACK_CLIENT_ID")
    """The app's Client ID, to sign in to the pages with Slack."""
    slack_client_secret: SecretStr | None = Field(default=None, validation_alias="SLACK_CLIENT_SECRET")
    """The app's Client Secret, likewise."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$", validation_alias="TANDEM_PUBLIC_URL")
    """Under which address browsers open the pages, as in `https://tandem.example.com`; to sign in with Slack."""
    seal_key: SecretStr | None = Field(default=None, validation_alias="TANDEM_SEAL_KEY")
    """Keys the seals of plans and audit rows, the same for all replicas; default: a file beside the data."""
    model_store: str | None = Field(default=None, validation_alias="TANDEM_MODEL_STORE")
    """Where predictions, labels and references are kept: a folder or an fsspec address."""
    model_retention_days: int = Field(default=90, ge=1, le=36_500, validation_alias="TANDEM_MODEL_RETENTION_DAYS")
    """For how many days predictions and labels are kept."""
    archive: str | None = Field(default=None, validation_alias="TANDEM_ARCHIVE")
    """Where deleted rows are kept as Parquet: a folder or an fsspec address."""
    slack_api_url: str = Field(default="https://slack.com/api/", validation_alias="SLACK_API_URL")
    """Slack's API, or a local one."""
    llm_api_key: SecretStr | None = Field(default=None, validation_alias="TANDEM_LLM_API_KEY")
    """The key of the language model in `summary.rewrite` and `assistant`, if it wants one."""
    alertmanager_url: str | None = Field(default=None, validation_alias="TANDEM_ALERTMANAGER_URL")
    """Alertmanager's address before `/api/v2`: silences and what fires are synchronised with it."""
    alertmanager_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_ALERTMANAGER_TOKEN")
    """A bearer token, where a proxy before Alertmanager asks for one."""
    grafana_url: str | None = Field(default=None, validation_alias="TANDEM_GRAFANA_URL")
    """Grafana's address: silences and what fires are synchronised with it."""
    grafana_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_GRAFANA_TOKEN")
    """The token of a service account that may read and write silences."""
    pagerduty_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_PAGERDUTY_TOKEN")
    """A REST API key that may write: incidents are acknowledged and resolved there."""
    pagerduty_from: str | None = Field(default=None, validation_alias="TANDEM_PAGERDUTY_FROM")
    """The address of a user of that account."""
    pagerduty_url: str = Field(default="https://api.pagerduty.com", validation_alias="TANDEM_PAGERDUTY_URL")
    """PagerDuty's API; `https://api.eu.pagerduty.com` in the EU."""
    opsgenie_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_OPSGENIE_TOKEN")
    """An API key that may update alerts: they are acknowledged and closed there."""
    opsgenie_url: str = Field(default="https://api.opsgenie.com", validation_alias="TANDEM_OPSGENIE_URL")
    """Opsgenie's API; `https://api.eu.opsgenie.com` in the EU."""
    grafana_irm_url: str | None = Field(default=None, validation_alias="TANDEM_GRAFANA_IRM_URL")
    """Grafana IRM's API, as in `https://oncall-prod-eu-west-0.grafana.net/oncall`: who is on call is read there."""
    grafana_irm_token: SecretStr | None = Field(default=None, validation_alias="TANDEM_GRAFANA_IRM_TOKEN")
    """A token of Grafana IRM that may read schedules; for a service account's, `TANDEM_GRAFANA_URL` is set, too."""
    max_body: ByteSize = Field(default=ByteSize(32 * 2**20), ge=2**16, le=2**28, validation_alias="TANDEM_MAX_BODY")
    """The largest delivery of a webhook that is taken, in bytes or as in `64MiB`; 64 KiB to 256 MiB."""
    most_waiting: int = Field(default=1_000_000, ge=1, validation_alias="TANDEM_MOST_WAITING")
    """Most entries that wait on disk; beyond, the endpoints answer 429."""
    most_connections: int = Field(default=4096, ge=8, validation_alias="TANDEM_MOST_CONNECTIONS")
    """Most connections to the HTTP server at a time, as far as the process may open so many files; then 503."""
    most_connections_of_an_address: int = Field(
        default=1024, ge=4, validation_alias="TANDEM_MOST_CONNECTIONS_OF_AN_ADDRESS"
    )
    """Most of them from one address; a proxy in front of several senders is one address."""
    log_format: Literal["json", "text"] | None = Field(default=None, validation_alias="TANDEM_LOG_FORMAT")
    """How logs are written; default: `text` on a terminal, else `json`."""
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", validation_alias="TANDEM_LOG_LEVEL")
    """What is logged."""
    deadman_url: SecretStr | None = Field(default=None, validation_alias="TANDEM_DEADMAN_URL")
    """The address of a dead man's switch, pinged while Tandem works."""
    deadman_every: float = Field(default=30.0, ge=1, le=3600, validation_alias="TANDEM_DEADMAN_EVERY")
    """Seconds between two pings."""
    silences_every: float = Field(default=30.0, ge=1, le=3600, validation_alias="TANDEM_SILENCES_EVERY")
    """Seconds between two looks at the silences of other tools."""
    alerts_every: float = Field(default=60.0, ge=1, le=3600, validation_alias="TANDEM_ALERTS_EVERY")
    """Seconds between two comparisons of what fires with Alertmanager's and Grafana's own lists."""

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
    """The secrets that tandem.yaml may name: ``TANDEM_SECRET_X`` is the secret ``X``, and so is what stands in the file
    that ``TANDEM_SECRET_X_FILE`` names."""
    given = {
        name.removeprefix(SECRET_PREFIX): value for name, value in environ.items() if name.startswith(SECRET_PREFIX)
    }
    files = {name.removesuffix(SECRET_FILE): path for name, path in given.items() if name.endswith(SECRET_FILE)}
    in_files = {name: secret_in(path, SECRET_PREFIX + name) for name, path in files.items() if name and path}
    return {name: value for name, value in in_files.items() if value is not None} | given
