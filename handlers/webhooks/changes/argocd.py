"""Argo CD: what its notifications say of an application's synchronisation, in the template that docs/changes.md gives.

https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/services/webhook/

The service is the annotation ``tandem/service`` of the application, or else its name.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from bot.domain.event import ChangeEvent, ChangeKind, Event
from handlers.http.authentication import bearer
from handlers.sources.clean import clean, clean_link
from handlers.sources.lenient import lenient
from handlers.sources.registry import decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "argocd"
BEGUN = ("Running", "Succeeded", "Failed", "Error")


class Sync(msgspec.Struct, frozen=True):
    app: Annotated[str, msgspec.Meta(min_length=1)]
    phase: str
    started_at: Moment
    revision: str = ""
    service: str = ""
    project: str = ""
    namespace: str = ""
    cluster: str = ""
    url: str = ""


_decode = lenient(Sync)


@source(NAME, verify=bearer)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    sync = decoded(_decode, body)
    if sync.phase not in BEGUN:
        return []
    service, revision = _given(sync.service) or sync.app, _given(sync.revision)[:12]
    change = ChangeEvent(
        source=NAME,
        id=clean(f"{sync.app}/{sync.started_at.isoformat()}"),  # the revision may be known only later
        service=clean(service),
        change=ChangeKind.DEPLOY,
        title=clean(f"{sync.app} synchronised{revision and f' to {revision}'} ({sync.phase.lower()})"),
        at=in_utc(sync.started_at, "$.started_at") or received_at,
        labels={name: clean(text) for name, text in _labels(sync).items() if _given(text)},
        version=clean(revision),
        link=clean_link(sync.url),
    )
    return [change]


def _labels(sync: Sync) -> dict[str, str]:
    return {"cluster": sync.cluster, "namespace": sync.namespace, "project": sync.project}


def _given(text: str) -> str:
    """A template's way to write what is not there."""
    return "" if text == "<no value>" else text
