"""GitLab: deployments and releases; the sender signs with its signing token, or shows its secret token.

https://docs.gitlab.com/user/project/integrations/webhook_events/#deployment-events
https://docs.gitlab.com/user/project/integrations/webhooks/

The service is the project's name in its address: the other one is for people, and may be "Our Shop".
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from bot.domain.event import ChangeEvent, ChangeKind, Event
from handlers.http.authentication import shared_secret, standard_webhook
from handlers.sources.clean import clean, clean_link
from handlers.sources.lenient import lenient
from handlers.sources.registry import Malformed, decoded, source

NAME = "gitlab"
_SIGNING = b"whsec_"
_BEGUN = ("running", "success", "failed")
_FORMATS = ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z")


class _Project(msgspec.Struct, frozen=True):
    path_with_namespace: str
    web_url: str = ""

    @property
    def service(self) -> str:
        return self.path_with_namespace.rpartition("/")[2]


class _User(msgspec.Struct, frozen=True):
    username: str = ""


class _Deployment(msgspec.Struct, frozen=True, tag_field="object_kind", tag="deployment"):
    status: str
    deployment_id: int
    environment: str
    project: _Project
    status_changed_at: str = ""
    deployable_url: str | None = None
    short_sha: str = ""
    ref: str = ""
    user: _User | None = None


class _Release(msgspec.Struct, frozen=True, tag_field="object_kind", tag="release"):
    action: str
    id: int
    tag: str
    project: _Project
    name: str = ""
    url: str = ""
    released_at: str = ""


class _Kind(msgspec.Struct, frozen=True):
    """Members, projects and groups have a name of the event instead of a kind."""

    object_kind: str = ""
    event_name: str = ""


_decode_kind = lenient(_Kind)
_decode: Callable[[bytes], _Deployment | _Release] = lenient(_Deployment | _Release)  # type: ignore[arg-type]
_shows_its_secret = shared_secret("x-gitlab-token")


def _signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """Since GitLab 19 there are signing tokens, known by how they begin."""
    holds = standard_webhook if secret.startswith(_SIGNING) else _shows_its_secret
    return holds(headers, body, secret)


@source(NAME, signature=_signed)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """Events of other kinds are taken and mean nothing to us."""
    kind = decoded(_decode_kind, body)
    if not (kind.object_kind or kind.event_name):
        raise Malformed("neither object_kind nor event_name is given")
    if kind.object_kind not in ("deployment", "release"):
        return []
    delivery = decoded(_decode, body)
    return _deployment(delivery, received_at) if isinstance(delivery, _Deployment) else _release(delivery, received_at)


def _deployment(delivery: _Deployment, received_at: datetime) -> list[Event]:
    if delivery.status not in _BEGUN:
        return []
    what = delivery.ref or delivery.short_sha
    change = ChangeEvent(
        source=NAME,
        id=clean(f"deployment/{delivery.project.path_with_namespace}/{delivery.deployment_id}"),
        service=clean(delivery.project.service),
        change=ChangeKind.DEPLOY,
        title=clean(f"{delivery.project.service} {what} to {delivery.environment} ({delivery.status})"),
        at=_moment(delivery.status_changed_at, "$.status_changed_at") or received_at,
        labels={"environment": clean(delivery.environment)},
        actor=clean(delivery.user.username if delivery.user else ""),
        version=clean(delivery.short_sha),
        link=clean_link(delivery.deployable_url or delivery.project.web_url),
    )
    return [change]


def _release(delivery: _Release, received_at: datetime) -> list[Event]:
    if delivery.action != "create":
        return []
    change = ChangeEvent(
        source=NAME,
        id=clean(f"release/{delivery.project.path_with_namespace}/{delivery.id}"),
        service=clean(delivery.project.service),
        change=ChangeKind.RELEASE,
        title=clean(f"{delivery.project.service} {delivery.name or delivery.tag} released"),
        at=_moment(delivery.released_at, "$.released_at") or received_at,
        version=clean(delivery.tag),
        link=clean_link(delivery.url or delivery.project.web_url),
    )
    return [change]


def _moment(text: str, where: str) -> datetime | None:
    """GitLab writes ``2021-04-28 21:50:00 +0200``, ``2020-11-02 12:55:12 UTC`` or ISO 8601."""
    if not text:
        return None
    for form in _FORMATS:
        try:
            moment = datetime.strptime(text, form)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise Malformed(f"{where}: {text[:40]!r} is no moment")
