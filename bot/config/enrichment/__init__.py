"""``enrich:`` of tandem.yaml: what is added to alerts, and by what."""

from bot.config.enrichment.reading import read_steps
from bot.config.enrichment.section import EnrichSection, LookupSection

__all__ = ["EnrichSection", "LookupSection", "read_steps"]
