"""Systems that are asked for labels of alerts, before these are stored and outside of every transaction."""

from bot.integrations.enrichment.lookups import Lookups
from bot.integrations.enrichment.source import Source

__all__ = ["Lookups", "Source"]
