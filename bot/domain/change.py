"""A change: a deploy, a promotion, a configuration. What might have caused an incident."""

from collections.abc import Sequence
from datetime import datetime
from itertools import product

import msgspec

from bot.domain.event import ChangeEvent, ChangeKind, bounded


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
