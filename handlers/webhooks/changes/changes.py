"""Changes in our own small schema, for whatever deploys, scales, promotes or configures.

One object or a list of them: ``{"service": "checkout", "kind": "deploy", "title": "checkout 1.4.2"}``, and if you like
``at, id, actor, version, link, labels``.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated

import msgspec

from bot.domain.event import ChangeEvent, ChangeKind, Event, fingerprint_of
from handlers.http.authentication import bearer
from handlers.sources.clean import clean, clean_labels, clean_link
from handlers.sources.lenient import each_alone, lenient
from handlers.sources.registry import Refusal, decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "changes"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class _Change(msgspec.Struct, frozen=True):
    service: Name
    kind: ChangeKind
    title: Name
    at: Moment | None = None
    id: str = ""
    actor: str = ""
    version: str = ""
    link: str = ""
    labels: dict[str, str] = {}


_decode = lenient(_Change)
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


@source(NAME, verify=bearer)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> Iterable[Event | Refusal]:
    event_of = partial(_event, received_at)
    if body.lstrip().startswith(b"["):
        return each_alone(decoded(_decode_list, body), _decode, event_of, "$")
    return [event_of(decoded(_decode, body), "$")]


def _event(received_at: datetime, change: _Change, where: str) -> ChangeEvent:
    at = in_utc(change.at, f"{where}.at") if change.at else None
    moment = str(at or received_at)
    identity = {"service": change.service, "title": change.title, "version": change.version, "at": moment}
    return ChangeEvent(
        source=NAME,
        id=clean(change.id) or fingerprint_of(identity),
        service=clean(change.service),
        change=change.kind,
        title=clean(change.title),
        at=at or received_at,
        labels=clean_labels(change.labels),
        actor=clean(change.actor),
        version=clean(change.version),
        link=clean_link(change.link),
    )
