"""Monitors that runbooks name."""

from collections.abc import Mapping

from bot.domain.runbook import Runbook
from bot.domain.watched.monitor import MonitorRules, by_name


def with_monitors(models: Mapping[str, list[MonitorRules]], runbooks: Mapping[str, Runbook]) -> dict[str, Runbook]:
    """The runbooks whose verification names a monitor by its kind, where the model has one of it, with its name."""
    found: dict[str, Runbook] = {}
    for name, runbook in runbooks.items():
        model, _, kind = (runbook.verify.monitor or "").partition("/")
        own = by_name(models.get(model, []))
        alike = [monitor for monitor, rules in own.items() if rules.kind == kind]
        if kind not in own and len(alike) == 1:
            verify = runbook.verify.model_copy(update={"monitor": f"{model}/{alike[0]}"})
            found[name] = runbook.model_copy(update={"verify": verify})
    return found
