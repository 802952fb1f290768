"""What the sender's own group of an alert tells: alerts in one group belong together only if it is a narrow one."""

import re
from functools import lru_cache

from bot.domain.rules import CorrelationRules

_BY_LABELS = re.compile(r".*:\{(?P<labels>.*)\}", re.DOTALL)
"""Alertmanager's group key: the path of its routes, a colon, and the labels that the group is by.

https://github.com/prometheus/alertmanager/blob/main/dispatch/dispatch.go
"""
_LABEL = re.compile(r'(?:^|, )([a-zA-Z_]\w*)="(?:[^"\\]|\\.)*"')
_NAMES = frozenset({"alertname", "service", "app", "pod", "container", "node", "instance"})


def tells(group: str, rules: CorrelationRules) -> bool:
    """Whether a group is evidence for alerts of different services. By cluster alone, it holds all there is.

    A group that is not written as Alertmanager does names what its sender takes for one thing.

    >>> rules = CorrelationRules()
    >>> tells('{}:{alertname="Slow", cluster="eu"}', rules), tells('{}:{cluster="eu"}', rules), tells("{}:{}", rules)
    (True, False, False)
    >>> tells("monitor 17", rules)
    True
    """
    labels = _labels_of(group)
    if labels is None:
        return True
    naming = rules.naming.catalogue
    return (
        not labels.isdisjoint(_NAMES)
        or not labels.isdisjoint(rules.service_labels)
        or any(label in naming.workloads or label in naming.resources for label in labels)
    )


@lru_cache(maxsize=10_000)
def _labels_of(group: str) -> frozenset[str] | None:
    """The labels that Alertmanager grouped by; None where the group is not written as Alertmanager's."""
    found = _BY_LABELS.fullmatch(group)
    return frozenset(_LABEL.findall(found["labels"])) if found else None
