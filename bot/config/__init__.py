"""Settings from the environment and tandem.yaml, both validated, with errors that say where and what to do."""

from bot.config.environment import Environment, read_environment
from bot.config.load import load_config
from bot.config.model import Config

__all__ = ["Config", "Environment", "load_config", "read_environment"]
