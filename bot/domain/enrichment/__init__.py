"""What alerts do not say of themselves: labels from tables, added when they come in."""

from bot.domain.enrichment.tables import NOTHING_ADDED, Enrichment, Table

__all__ = ["NOTHING_ADDED", "Enrichment", "Table"]
