"""``enrich:`` of tandem.yaml: which tables there are, and what they hold."""

from bot.config.enrichment.reading import read_tables
from bot.config.enrichment.section import EnrichSection

__all__ = ["EnrichSection", "read_tables"]
