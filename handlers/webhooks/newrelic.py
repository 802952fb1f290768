"""New Relic's workflows: the default template of a webhook destination, whose issues are alerts.

https://docs.newrelic.com/docs/alerts/get-notified/notification-integrations/#webhook
https://docs.newrelic.com/docs/alerts/get-notified/message-templates/
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event
from handlers.http.authentication import bearer_or_like
from handlers.sources.clean import clean, clean_link
from handlers.sources.labels import with_values
from handlers.sources.lenient import lenient
from handlers.sources.registry import Malformed, decoded, source
from handlers.sources.timestamps import since_1970

NAME = "newrelic"
_RESOLVED = ("CLOSED", "DEACTIVATED")

_Words = list[str | None] | str | None
"""New Relic writes a list, the only one of a list, or null."""


class _Issue(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    state: str
    title: _Words = None
    priority: str | None = None
    issue_url: str | None = None
    impacted_entities: _Words = None
    alert_policy_names: _Words = None
    alert_condition_names: _Words = None
    sources: _Words = None
    workflow_name: str | None = None
    created_at: int | float | str | None = None
    updated_at: int | float | str | None = None


_decode = lenient(_Issue)


@source(NAME, verify=bearer_or_like)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """An issue: created, activated and acknowledged it fires, closed it is resolved."""
    issue = decoded(_decode, body)
    if not issue.id:
        raise Malformed("$.id is empty")
    resolved = issue.state.upper() in _RESOLVED
    changed = since_1970(issue.updated_at, "$.updatedAt")
    titles, entities = _words(issue.title), _words(issue.impacted_entities)
    return [
        AlertEvent(
            source=NAME,
            fingerprint=clean(issue.id),
            status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
            labels=_labels_of(issue, titles, entities),
            starts_at=since_1970(issue.created_at, "$.createdAt") or received_at,
            annotations=with_values({"summary": "; ".join(titles), "entities": ", ".join(entities)}),
            ends_at=(changed or received_at) if resolved else None,
            group=clean(issue.id),
            link=clean_link(issue.issue_url or ""),
        )
    ]


def _labels_of(issue: _Issue, titles: list[str], entities: list[str]) -> dict[str, str]:
    conditions = _words(issue.alert_condition_names)
    return with_values(
        {
            "alertname": next(iter(conditions or titles), f"New Relic issue {issue.id}"),
            "service": next(iter(entities), ""),
            "severity": issue.priority,
            "policy": ", ".join(_words(issue.alert_policy_names)),
            "workflow": issue.workflow_name,
        }
    )


def _words(words: _Words) -> list[str]:
    return [word for word in ([words] if isinstance(words, str) else words or []) if word]
