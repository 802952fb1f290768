"""A change: a deploy, a promotion, a configuration. What might have caused an incident."""

from collections.abc import Sequence
from datetime import datetime
from itertools import product

import msgspec

from bot.domain.event import ChangeEvent, ChangeKind, bounded, domain_of


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """``at`` is when it began, as far as its sender told."""

    source: str
    id: str
    domain: str
    service: str
    change: ChangeKind
    title: str
    at: datetime
    actor: str = ""
    version: str = ""
    link: str = ""


def change_from(event: ChangeEvent, domain: str) -> Change:
    return Change(
        source=event.source,
        id=bounded(event.id),
        domain=domain,
        service=bounded(event.service),
        change=event.change,
        title=event.title,
        at=event.at,
        actor=event.actor,
        version=event.version,
        link=event.link,
    )


def domains_that_count(domain: str, partition_by: Sequence[str]) -> list[str]:
    """The domains whose changes count in a correlation domain.

    A sender of changes may not know all that alerts know: what it leaves out counts as anything.

    >>> domains_that_count("eu/production", ["cluster", "environment"])
    ['eu/production', 'eu/', '/production', '/']
    """
    values = domain.split("/")
    if len(values) != len(partition_by):  # a value with a slash in it
        return [domain, "/" * (len(partition_by) - 1)]
    return ["/".join(some) for some in product(*(dict.fromkeys((value, "")) for value in values))]


def redomained(domain: str, before: Sequence[str], after: Sequence[str]) -> str:
    """The domain of what was in ``domain`` while ``before`` were the labels: as far as its values tell.

    A label that was none of them is left out, which for changes counts as any value. A name that was cut short because
    it was too long tells nothing, and stays.

    >>> redomained("eu/prod", ["cluster", "stage"], ["cluster"]), redomained("eu", ["cluster"], ["cluster", "stage"])
    ('eu', 'eu/')
    >>> redomained("a%2Fb/prod", ["cluster", "stage"], ["stage", "cluster"]), redomained("a/b", ["cluster"], [])
    ('prod/a%2Fb', '')
    """
    values = _values(domain, before)
    return domain if values is None else domain_of(dict(zip(before, values, strict=True)), after)


def _values(domain: str, labels: Sequence[str]) -> list[str] | None:
    if len(labels) < 2:
        return [domain][: len(labels)]
    values = domain.split("/")
    if len(values) != len(labels):
        return None
    return [value.replace("%2F", "/").replace("%25", "%") for value in values]
