"""Sentry's integration platform: issue alerts, metric alerts, and what becomes of issues.

https://docs.sentry.io/organization/integrations/integration-platform/webhooks/
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event
from handlers.http.authentication import hmac_sha256
from handlers.sources.clean import clean, clean_link
from handlers.sources.labels import with_values
from handlers.sources.lenient import lenient
from handlers.sources.registry import decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "sentry"
SIGNATURE, RESOURCE = "sentry-hook-signature", "sentry-hook-resource"
_FIRING, _RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED
_ISSUE = {"created": _FIRING, "unresolved": _FIRING, "resolved": _RESOLVED, "archived": _RESOLVED, "ignored": _RESOLVED}
"""An issue that is assigned is as open as before."""

_METRIC = {"critical": _FIRING, "warning": _FIRING, "resolved": _RESOLVED}
_PROJECT = re.compile(r"/projects/[^/]+/([^/]+)/")


class _Event(msgspec.Struct, frozen=True):
    issue_id: str | int
    title: str | None = None
    message: str | None = None
    level: str | None = None
    culprit: str | None = None
    environment: str | None = None
    release: str | None = None
    url: str | None = None
    web_url: str | None = None
    datetime: Moment | None = None
    tags: list[tuple[str, str | None]] | None = None


class _EventData(msgspec.Struct, frozen=True):
    event: _Event
    triggered_rule: str | None = None


class _Project(msgspec.Struct, frozen=True):
    slug: str = ""


class _Issue(msgspec.Struct, frozen=True, rename="camel"):
    id: str | int
    title: str | None = None
    culprit: str | None = None
    level: str | None = None
    project: _Project | None = None
    permalink: str | None = None
    web_url: str | None = msgspec.field(name="web_url", default=None)
    first_seen: Moment | None = None


class _IssueData(msgspec.Struct, frozen=True):
    issue: _Issue


class _Rule(msgspec.Struct, frozen=True):
    id: str | int = ""
    name: str | None = None
    environment: str | None = None


class _Metric(msgspec.Struct, frozen=True):
    id: str | int
    alert_rule: _Rule = _Rule()
    projects: list[str] | None = None
    date_started: Moment | None = None
    date_closed: Moment | None = None


class _MetricData(msgspec.Struct, frozen=True):
    metric_alert: _Metric
    description_text: str | None = None
    description_title: str | None = None
    web_url: str | None = None


class _Delivery(msgspec.Struct, frozen=True):
    action: str
    data: msgspec.Raw


_decode: Callable[[bytes], _Delivery] = lenient(_Delivery)


@source(NAME, signature=hmac_sha256(SIGNATURE))
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """The resources that are alerts or issues; of an installation, a comment or an error nothing is told."""
    delivery = decoded(_decode, body)
    make = _RESOURCES.get(headers.get(RESOURCE, ""))
    alert = make(delivery, received_at) if make else None
    return [alert] if alert else []


def _of_rule(delivery: _Delivery, received_at: datetime) -> AlertEvent:
    """An alert rule acted on an event. Only its issue tells when it is over."""
    data = _data(delivery, _EventData)
    event = data.event
    tags = {name: value for name, value in event.tags or [] if name not in ("level", "url")}
    project = _PROJECT.search(event.url or "")
    labels = {"service": project[1] if project else ""} | tags
    labels |= {"alertname": event.title, "severity": event.level, "project": project[1] if project else ""}
    labels |= {"environment": event.environment or tags.get("environment"), "rule": data.triggered_rule}
    given = {"summary": event.culprit, "description": event.message}
    at = in_utc(event.datetime, "$.data.event.datetime") if event.datetime else None
    return _alert(f"issue/{event.issue_id}", _FIRING, labels, given, at or received_at, None, event.web_url)


def _of_issue(delivery: _Delivery, received_at: datetime) -> AlertEvent | None:
    status = _ISSUE.get(delivery.action)
    if status is None:
        return None
    issue = _data(delivery, _IssueData).issue
    project = issue.project.slug if issue.project else ""
    labels = {"alertname": issue.title, "severity": issue.level, "service": project, "project": project}
    seen = in_utc(issue.first_seen, "$.data.issue.firstSeen") if issue.first_seen else None
    # One that comes back was first seen long ago: what fires now began now.
    at = seen if seen and delivery.action != "unresolved" else received_at
    ended = received_at if status is _RESOLVED else None
    link = issue.web_url or issue.permalink
    return _alert(f"issue/{issue.id}", status, labels, {"summary": issue.culprit}, at, ended, link)


def _of_metric(delivery: _Delivery, received_at: datetime) -> AlertEvent | None:
    status = _METRIC.get(delivery.action)
    if status is None:
        return None
    data = _data(delivery, _MetricData)
    metric, rule = data.metric_alert, data.metric_alert.alert_rule
    project = next(iter(metric.projects or []), "")
    # The last of them keeps the severity that it had: "resolved" is none.
    severity = delivery.action if status is _FIRING else None
    labels = {"alertname": rule.name or data.description_title, "severity": severity, "service": project}
    labels |= {"project": project, "environment": rule.environment}
    began = in_utc(metric.date_started, "$.data.metric_alert.date_started") if metric.date_started else None
    ended = in_utc(metric.date_closed, "$.data.metric_alert.date_closed") if metric.date_closed else None
    ended = (ended or received_at) if status is _RESOLVED else None
    given = {"summary": data.description_title, "description": data.description_text}
    return _alert(f"metric/{metric.id}", status, labels, given, began or received_at, ended, data.web_url)


def _data(delivery: _Delivery, kind: type[Any]) -> Any:
    return decoded(lenient(kind), bytes(delivery.data))


def _alert(
    fingerprint: str,
    status: AlertStatus,
    labels: Mapping[str, str | None],
    annotations: Mapping[str, str | None],
    starts_at: datetime,
    ends_at: datetime | None,
    link: str | None,
) -> AlertEvent:
    named = {**labels, "alertname": labels["alertname"] or f"Sentry {fingerprint}"}
    return AlertEvent(
        source=NAME,
        fingerprint=clean(fingerprint),
        status=status,
        labels=with_values(named),
        starts_at=starts_at,
        annotations=with_values(annotations),
        ends_at=ends_at,
        group=clean(fingerprint),
        link=clean_link(link or ""),
    )


_RESOURCES: dict[str, Callable[[_Delivery, datetime], AlertEvent | None]] = {
    "event_alert": _of_rule,
    "issue": _of_issue,
    "metric_alert": _of_metric,
}
