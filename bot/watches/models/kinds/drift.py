"""Monitor kinds: whether columns, or all of them together, are distributed as in the reference."""

from bot.domain.watched.finding import FindingKind
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.kinds.registry import CheckInput, Outcome, monitor


@monitor(FindingKind.DRIFT, alertname=FindingKind.DRIFT.alertname, by_alibi=True)
@monitor(FindingKind.PREDICTION_DRIFT, alertname=FindingKind.PREDICTION_DRIFT.alertname, by_alibi=True)
@monitor(FindingKind.CONCEPT_DRIFT, alertname=FindingKind.CONCEPT_DRIFT.alertname, of_labels=True)
def check_columns(rules: MonitorRules, given: CheckInput) -> Outcome:
    from bot.watches.models.data_checks import check_drift

    return check_drift(rules, given.model, given.state, given.window, given.loaded())


@monitor(FindingKind.MULTIVARIATE, alertname=FindingKind.MULTIVARIATE.alertname, by_alibi=True)
def check_together(rules: MonitorRules, given: CheckInput) -> Outcome:
    from bot.watches.models import data_checks

    return data_checks.check_together(rules, given.model, given.state, given.window, given.loaded())
