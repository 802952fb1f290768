"""MLflow: what changes in its model registry, as its own webhooks tell (MLflow 3.3 and later, on a database).

https://mlflow.org/docs/latest/ml/webhooks

The service is the name of the registered model or the prompt, of whose text nothing is read. A budget that is exceeded
is an alert. New, empty models and prompts are taken and mean nothing to us.
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, ChangeEvent, ChangeKind, Event, fingerprint_of
from bot.domain.severity import Severity
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
    budget_policy_id: str = ""
    budget_unit: str = "USD"
    budget_amount: float = 0.0
    current_spend: float = 0.0
    duration_unit: str = ""
    duration_value: int = 1
    target_scope: str = ""
    target_value: str | None = None
    workspace: str | None = None


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
    if (event.entity, event.action) == ("budget_policy", "exceeded"):
        return [_exceeded(event, in_utc(event.timestamp, "$.timestamp") or received_at)]
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


def _exceeded(event: _Delivery, at: datetime) -> AlertEvent:
    """It is posted once in each span of the budget, and no end of it."""
    data = event.data
    target = clean(data.target_value or "")
    whose = " ".join(filter(None, (data.target_scope.lower(), target))) if data.target_scope != "GLOBAL" else "all"
    labels = {
        "alertname": "BudgetExceeded",
        "severity": Severity.HIGH.value,
        "service": target or "ai-gateway",
        "budget_policy": clean(data.budget_policy_id),
        "scope": clean(data.target_scope.lower()),
        "workspace": clean(event.workspace or data.workspace or ""),
    }
    span = f"{data.duration_value} {data.duration_unit.lower().rstrip('s')}{'s' if data.duration_value != 1 else ''}"
    money = f"{data.current_spend:,.2f} of {data.budget_amount:,.2f} {data.budget_unit}"
    summary = f"the budget of {whose} is exceeded: {money} in {span}"
    return AlertEvent(
        source=NAME,
        fingerprint=fingerprint_of({"budget_policy": data.budget_policy_id, "workspace": labels["workspace"]}),
        status=AlertStatus.FIRING,
        labels={name: value for name, value in labels.items() if value},
        starts_at=at,
        annotations={"summary": clean(summary)},
    )


def _title_of(event: _Delivery) -> str:
    """What happened, in words; empty for what changes nothing that is served."""
    data = event.data
    match event.entity, event.action:
        case "model_version" | "prompt_version", "created":
            return f"version {data.version} of {data.name} registered"
        case "model_version_alias" | "prompt_alias", "created":
            return f"{data.alias} of {data.name} is now version {data.version}"
        case "model_version_alias" | "prompt_alias", "deleted":
            return f"{data.name} has no {data.alias} any more"
        case "model_version_tag" | "prompt_version_tag", "set":
            return f"version {data.version} of {data.name}: {data.key} is now {data.value}"
        case "model_version_tag" | "prompt_version_tag", "deleted":
            return f"version {data.version} of {data.name}: {data.key} removed"
        case _:
            return ""
