"""GitHub: deployments as their status changes, and published releases.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment_status
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries

The service is ``service`` in the deployment's payload, or else the repository's name.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from bot.domain.event import ChangeEvent, ChangeKind, Event
from handlers.http.authentication import hmac_sha256
from handlers.sources.clean import clean, clean_link
from handlers.sources.lenient import lenient
from handlers.sources.registry import Malformed, decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "github"
_BEGUN = ("in_progress", "success", "failure", "error")
_FORM = "application/x-www-form-urlencoded"


class _User(msgspec.Struct, frozen=True):
    login: str = ""


class _Repository(msgspec.Struct, frozen=True):
    name: str
    full_name: str
    html_url: str = ""


class _Deployment(msgspec.Struct, frozen=True):
    id: int
    sha: str
    environment: str
    ref: str = ""
    task: str = "deploy"
    payload: Any = None
    creator: _User | None = None


class _Status(msgspec.Struct, frozen=True):
    state: str
    created_at: Moment
    target_url: str | None = None


class _DeploymentStatus(msgspec.Struct, frozen=True):
    deployment_status: _Status
    deployment: _Deployment
    repository: _Repository


class _Release(msgspec.Struct, frozen=True):
    id: int
    tag_name: str
    html_url: str = ""
    name: str | None = None
    published_at: Moment | None = None
    author: _User | None = None


class _ReleaseEvent(msgspec.Struct, frozen=True):
    action: str
    release: _Release
    repository: _Repository


_decode_status = lenient(_DeploymentStatus)
_decode_release = lenient(_ReleaseEvent)


@source(NAME, signature=hmac_sha256("x-hub-signature-256", "sha256="))
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """Events of other kinds are taken and mean nothing to us."""
    if headers.get("content-type", "").startswith(_FORM):
        raise Malformed("it is a form: choose the content type application/json in the webhook's settings")
    match headers.get("x-github-event", ""):
        case "deployment_status":
            return _deployment(decoded(_decode_status, body), received_at)
        case "release":
            return _release(decoded(_decode_release, body), received_at)
        case "":
            raise Malformed("the header X-GitHub-Event is missing")
        case _:
            return []


def _deployment(delivery: _DeploymentStatus, received_at: datetime) -> list[Event]:
    deployment, status = delivery.deployment, delivery.deployment_status
    if status.state not in _BEGUN:
        return []
    service = _service_of(deployment.payload) or delivery.repository.name
    version = deployment.sha[:12]
    change = ChangeEvent(
        source=NAME,
        id=clean(f"deployment/{delivery.repository.full_name}/{deployment.id}"),
        service=clean(service),
        change=ChangeKind.ROLLBACK if "rollback" in deployment.task else ChangeKind.DEPLOY,
        title=clean(f"{service} {deployment.ref or version} to {deployment.environment} ({status.state})"),
        at=in_utc(status.created_at, "$.deployment_status.created_at") or received_at,
        labels={"environment": clean(deployment.environment)},
        actor=clean(deployment.creator.login if deployment.creator else ""),
        version=clean(version),
        link=clean_link(status.target_url or delivery.repository.html_url),
    )
    return [change]


def _service_of(payload: Any) -> str:
    """From an object, or from JSON in a text: the API takes both, and tells on what it was given."""
    if isinstance(payload, str):
        try:
            payload = msgspec.json.decode(payload)
        except (msgspec.DecodeError, RecursionError):
            return ""
    found = payload.get("service") if isinstance(payload, dict) else None
    return found if isinstance(found, str) else ""


def _release(delivery: _ReleaseEvent, received_at: datetime) -> list[Event]:
    if delivery.action != "published":
        return []
    release = delivery.release
    at = in_utc(release.published_at, "$.release.published_at") if release.published_at else None
    change = ChangeEvent(
        source=NAME,
        id=clean(f"release/{delivery.repository.full_name}/{release.id}"),
        service=clean(delivery.repository.name),
        change=ChangeKind.RELEASE,
        title=clean(f"{delivery.repository.name} {release.name or release.tag_name} released"),
        at=at or received_at,
        actor=clean(release.author.login if release.author else ""),
        version=clean(release.tag_name),
        link=clean_link(release.html_url),
    )
    return [change]
