"""Monitors that runbooks name; and labels and columns that can never be, wherever tandem.yaml names them."""

from collections.abc import Iterator, Mapping

from bot.config.document import Place
from bot.config.model import Config
from bot.config.nearest import nearest
from bot.domain.matcher import matches_all
from bot.domain.runbook import Runbook
from bot.domain.watched.forecast import LimitSeries
from bot.domain.watched.monitor import MonitorRules, by_name

_NAME = "__name__"
_COLUMNS = ("column", "group", "slices", "explain")
"""Keys of monitors that name columns of the rows."""


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


def problems_of_names(config: Config) -> Iterator[tuple[Place, str]]:
    """What would be waited for in vain: domains and labels that nothing can have, and columns that nobody looks at."""
    by = config.correlation.partition_by
    for i, token in enumerate(config.api.tokens):
        for n, domain in enumerate(token.domains or ()):
            if len(by) != 1 and (domain.count("/") != len(by) - 1 if by else domain):
                yield ("api", "tokens", i, "domains", n), f"{domain!r} is no domain: {_domains_are(by)}"
    for name, model in config.models.items():
        for i, pull in enumerate(model.pull):
            for label in sorted(pull.labels.keys() - {*by}):
                why = f"rows have the labels of correlation.partition_by alone, and {label!r} is none of them"
                yield ("models", name, "pull", i, "labels", label), why + nearest(label, by)
        for feature in sorted(model.importance.keys() & {*model.ignore}):
            yield ("models", name, "importance", feature), f"{feature} is ignored, so the model does not go by it"
        for i, monitor in enumerate(model.monitors):
            for key, column in _columns_of(monitor):
                if column in model.ignore:
                    yield ("models", name, "monitors", i, key), f"{column} is ignored, and no monitor looks at it"
    yield from _problems_of_watches(config)


def _domains_are(by: list[str]) -> str:
    if not by:
        return "correlation.partition_by is empty, so there is one domain, which has no name"
    return f"by correlation.partition_by it has {len(by)} parts, as in {'/'.join(by)}"


def _columns_of(monitor: MonitorRules) -> Iterator[tuple[str, str]]:
    for key in _COLUMNS:
        value = getattr(monitor, key, None)
        if isinstance(value, list):
            yield from ((key, one) for one in value)
        elif isinstance(value, str) and value != "auto":
            yield key, value


def _problems_of_watches(config: Config) -> Iterator[tuple[Place, str]]:
    """The name of a metric is a label of series; streams of logs have none, and a series and its limit not the same."""
    for name, watched in config.metrics.watch.items():
        limit = watched.forecast.limit if watched.forecast else None
        if isinstance(limit, LimitSeries) and _NAME in limit.on:
            why = f"{_NAME} is not what a series and its limit have in common: the limit is the series {limit.metric}"
            yield ("metrics", "watch", name, "forecast", "limit", "on"), why
    for name, stream in config.logs.watch.items():
        needed = [one for one in stream.match if one.label == _NAME and not matches_all([one], {})]
        if needed:
            yield ("logs", "watch", name, "match"), f"lines of logs have no {_NAME}: {needed[0]} never matches"
