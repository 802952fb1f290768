"""What a reply in an incident's thread holds: its timeline, and once what the alerts say in detail."""

from collections.abc import Sequence

from bot.domain.alert import Alert
from bot.domain.incident import TimelineEntry
from bot.notify.card import AlertDetails, Annotation, Instance, ThreadUpdate
from bot.notify.incident_card import SUMMARY_KEYS
from bot.notify.instances import differing, named, value_of
from bot.notify.plain_text import is_blank

MAX_ENTRIES = 40
MAX_DETAILED = 5
MAX_BEGAN = 500
_MAX_ANNOTATIONS = 2


def thread_update(entries: Sequence[TimelineEntry], began: Sequence[Alert], broadcast: bool = False) -> ThreadUpdate:
    """``began`` are the alerts that began by these entries: the first in detail, of the others which ones they are."""
    detailed, others = began[:MAX_DETAILED], began[MAX_DETAILED:]
    return ThreadUpdate(tuple(entries), tuple(map(_details, detailed)), _instances(others, began), broadcast)


def _instances(others: Sequence[Alert], began: Sequence[Alert]) -> tuple[Instance, ...]:
    labels = differing(began)
    return tuple(
        Instance(" ".join(filter(None, (alert.name, named(alert, labels)))), value_of(alert), alert.link)
        for alert in others
    )


def _details(alert: Alert) -> AlertDetails:
    """The annotations for people first, then the labels that the first line leaves out."""
    known = {alert.name, alert.service, alert.severity.value}
    labels = " ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if value not in known)
    return AlertDetails(
        alert.name, alert.service, alert.severity, alert.source, _annotations(alert), labels, alert.link
    )


def _annotations(alert: Alert) -> tuple[Annotation, ...]:
    """The summary and the like speak for themselves; others are shown with their names."""
    notes = {name: text for name, text in alert.annotations.items() if not is_blank(text)}
    plain = [Annotation("", notes[name]) for name in SUMMARY_KEYS if name in notes]
    others = [Annotation(name, notes[name]) for name in sorted(notes.keys() - set(SUMMARY_KEYS))]
    return tuple([*plain, *others][:_MAX_ANNOTATIONS])
