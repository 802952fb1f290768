"""MLflow: what changes in its model registry, as its own webhooks tell (MLflow 3.3 and later, on a database).

https://mlflow.org/docs/latest/ml/webhooks

The service is the registered model's name. Prompts and new, empty models are taken and mean nothing to us.
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.event import ChangeEvent, ChangeKind, Event, fingerprint_of
from handlers.sources.clean import clean
from handlers.sources.lenient import lenient
from handlers.sources.registry import decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "mlflow"


class _Data(msgspec.Struct, frozen=True):
    name: str = ""
    version: str = ""
    alias: str = ""
    key: str = ""
    value: str = ""


class _Delivery(msgspec.Struct, frozen=True):
    entity: str
    action: str
    timestamp: Moment
    data: _Data
    workspace: str | None = None


_decode = lenient(_Delivery)


def signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """``X-MLflow-Signature``: the HMAC with SHA-256 of a delivery's id, moment and body, in base64.

    The secret is used as it is, unlike in the Standard Webhooks after which the rest is made. The moment is not
    compared with ours: a delivery that is told again is the same change.
    """
    begins = f"{headers.get('x-mlflow-delivery-id', '')}.{headers.get('x-mlflow-timestamp', '')}."
    expected = b"v1," + base64.b64encode(hmac.digest(secret, begins.encode(errors="replace") + body, "sha256"))
    return hmac.compare_digest(headers.get("x-mlflow-signature", "").encode(errors="replace"), expected)


@source(NAME, signature=signed)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    event = decoded(_decode, body)
    title = _title_of(event)
    if not title or not event.data.name:
        return []
    at = in_utc(event.timestamp, "$.timestamp") or received_at
    known = headers.get("x-mlflow-delivery-id", "") or fingerprint_of({"title": title, "at": at.isoformat()})
    change = ChangeEvent(
        source=NAME,
        id=clean(known),
        service=clean(event.data.name),
        change=ChangeKind.MODEL,
        title=clean(title),
        at=at,
        labels={"workspace": clean(event.workspace)} if event.workspace else {},
        version=clean(event.data.version),
    )
    return [change]


def _title_of(event: _Delivery) -> str:
    """What happened, in words; empty for what changes nothing that is served."""
    data = event.data
    match event.entity, event.action:
        case "model_version", "created":
            return f"version {data.version} of {data.name} registered"
        case "model_version_alias", "created":
            return f"{data.alias} of {data.name} is now version {data.version}"
        case "model_version_alias", "deleted":
            return f"{data.name} has no {data.alias} any more"
        case "model_version_tag", "set":
            return f"version {data.version} of {data.name}: {data.key} is now {data.value}"
        case "model_version_tag", "deleted":
            return f"version {data.version} of {data.name}: {data.key} removed"
        case _:
            return ""
