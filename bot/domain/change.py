"""A change: a deploy, a promotion, a configuration. What might have caused an incident."""

from datetime import datetime

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
