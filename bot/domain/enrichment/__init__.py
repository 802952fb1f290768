"""What alerts do not say of themselves: labels from tables, expressions and other systems, added when they come in."""

from bot.domain.enrichment.enrichment import NOTHING_ADDED, Enrichment
from bot.domain.enrichment.lookups import Answers, Lookup
from bot.domain.enrichment.step import STALE, Applied, Step
from bot.domain.enrichment.tables import Table

__all__ = ["NOTHING_ADDED", "STALE", "Answers", "Applied", "Enrichment", "Lookup", "Step", "Table"]
