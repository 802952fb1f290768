"""The settings that a command works with: tandem.yaml, and what the environment has to say of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import structlog

from bot.config import Config, Environment, load_config
from bot.config.environment import SECRET_PREFIX

DEFAULT_CONFIG = Path("tandem.yaml")


def config_path(given: Path | None, environment: Environment) -> Path:
    return given or (Path(environment.config) if environment.config else DEFAULT_CONFIG)


def read_config(given: Path | None, environment: Environment) -> Config:
    """The configuration. Without a file by the default name the defaults hold; a file that was named must exist."""
    path = config_path(given, environment)
    log = structlog.get_logger(__name__)
    if path == DEFAULT_CONFIG and not path.exists():
        log.warning("config.defaults", reason=f"there is no {path}: no services and no runbooks are known")
        return Config()
    settings, warnings = load_config(path)
    for warning in [*warnings, *environment_warnings(settings, environment)]:
        log.warning("config.warning", reason=warning)
    return settings


def environment_warnings(config: Config, environment: Environment) -> list[str]:
    """About secrets that are missing, and where the data of models is kept.

    Raises ConfigError for a place that cannot be used.
    """
    warnings = list(_tokens_without_secrets(config))
    if config.models:
        from bot.storage.blobs import warning_about

        warning = warning_about(environment.model_store, environment.database_url)
        warnings += [warning] if warning else []
    return warnings


def _tokens_without_secrets(config: Config) -> Iterator[str]:
    for token in config.api.tokens:
        variable = SECRET_PREFIX + token.secret
        if not os.environ.get(variable) and not os.environ.get(f"{variable}_FILE"):
            yield f"api.tokens: {token.name} is refused until its token is in {variable} or {variable}_FILE"
