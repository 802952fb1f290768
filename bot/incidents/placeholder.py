"""Placeholders of runbooks: ``${NAME}`` in a text, ``$$`` is a dollar sign."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.domain.runbook import Runbook

PLACEHOLDER = re.compile(r"\$(?:\$|\{([^{}]*)\})")
KNOWN = (
    "${service}, ${labels.NAME}, ${incident.number}, ${incident.severity}, ${model}, ${version}, ${cause.service}, "
    "${cause.version} and ${parameters.NAME}"
)
_FACTS = r"service|model|version|incident\.(?:number|severity)|cause\.(?:service|version)"
_NAME = re.compile(_FACTS + r"|labels\.[^\s{}$`]+|parameters\.[a-z][a-z0-9_]*")
_LABEL = "labels."
PARAMETER = "parameters."
MOST_CASES = 5
"""For so many values of a label at most a runbook is offered at once."""


def is_known(name: str) -> bool:
    """Whether there is such a placeholder; a label may have any name."""
    return _NAME.fullmatch(name) is not None


def names_in(text: str) -> list[str]:
    """The placeholders that stand in a text.

    >>> names_in("$$HOME/${service}/${labels.app.kubernetes.io/name}")
    ['service', 'labels.app.kubernetes.io/name']
    """
    return [found[1] for found in PLACEHOLDER.finditer(text) if found[1] is not None]


def placeholders_of(runbook: Runbook) -> set[str]:
    """The placeholders that the steps of a runbook have."""
    steps = [*runbook.steps, *runbook.rollback, *runbook.verify.probes]
    texts = [text for step in steps for text in _texts(step.parameters)]
    return {name for text in [*texts, *(query.expr for query in runbook.verify.query)] for name in names_in(text)}


def labels_of(runbook: Runbook) -> list[str]:
    """The labels whose values the steps of a runbook take."""
    return sorted(name.removeprefix(_LABEL) for name in placeholders_of(runbook) if name.startswith(_LABEL))


def cases_of(
    labels: Sequence[str], active: Sequence[Mapping[str, str]], fitting: Sequence[Mapping[str, str]]
) -> list[dict[str, str]]:
    """What label placeholders stand for: once, or one case for each combination of values that the alerts have.

    Labels that all ``active`` alerts share have one value. The others take those of the alerts that the runbook is for.

    >>> one, two = {"env": "prod", "pod": "a"}, {"env": "prod", "pod": "b"}
    >>> cases_of(["pod"], [one, two], [one, two])
    [{'labels.env': 'prod', 'labels.pod': 'a'}, {'labels.env': 'prod', 'labels.pod': 'b'}]
    """
    shared = dict(set(active[0].items()).intersection(*(one.items() for one in active[1:]))) if active else {}
    common = {f"{_LABEL}{name}": shared[name] for name in sorted(shared)}
    differing = [name for name in labels if name not in shared]
    found = {tuple(one[name] for name in differing) for one in fitting if all(one.get(name) for name in differing)}
    named = [f"{_LABEL}{name}" for name in differing]
    return [common | dict(zip(named, values, strict=True)) for values in sorted(found)] or [common]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
