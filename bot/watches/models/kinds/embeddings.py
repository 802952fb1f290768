"""Monitor kind: whether vectors, such as embeddings of images and texts, are as in the reference."""

from bot.domain.watched.finding import FindingKind
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.kinds.registry import CheckInput, Outcome, monitor


class EmbeddingRules(MonitorRules):
    """Vectors are compared with the whole reference."""

    @property
    def has_seasons(self) -> bool:
        """The reference's space and clusters are those of all hours."""
        return False


@monitor(
    FindingKind.EMBEDDING_DRIFT, alertname=FindingKind.EMBEDDING_DRIFT.alertname, rules=EmbeddingRules, by_alibi=True
)
def check(rules: EmbeddingRules, given: CheckInput) -> Outcome:
    from bot.watches.models.vectors.drift import check_vectors

    return check_vectors(rules, given)
