"""Which ones: what tells alerts of one kind apart, and what each one says."""

from collections.abc import Sequence

from bot.domain.alert import Alert
from bot.notify.plain_text import is_blank

MOST_LABELS = 3
_FIRST = ("instance", "pod", "host", "node", "device", "mountpoint")
_VALUES = ("value", "current_value", "__value_string__", "values")


def differing(alerts: Sequence[Alert]) -> list[str]:
    """The labels whose values differ, those first that usually name an instance."""
    names = sorted({name for alert in alerts for name in alert.labels} - {"alertname", "severity"})
    differ = [name for name in names if len({alert.labels.get(name) for alert in alerts}) > 1]
    return sorted(differ, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))[:MOST_LABELS]


def named(alert: Alert, labels: Sequence[str]) -> str:
    """An alert by these labels."""
    return " ".join(f"{name}={alert.labels[name]}" for name in labels if alert.labels.get(name))


def value_of(alert: Alert) -> str:
    """What was measured, where the sender says it."""
    given = {**alert.labels, **alert.annotations}
    return next((given[name] for name in _VALUES if given.get(name) and not is_blank(given[name])), "")


def first_of(alerts: Sequence[Alert], most: int) -> tuple[str, ...]:
    """The first of several alerts of one kind, each with its value; none where nothing tells them apart."""
    labels = differing(alerts)
    listed = [(named(alert, labels), value_of(alert)) for alert in alerts[:most]]
    return tuple(f"{name} ({value})" if value else name for name, value in listed if name)
