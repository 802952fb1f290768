"""What a reply in an incident's thread holds: its timeline, and once what the alerts say in detail."""

from collections.abc import Sequence

from bot.domain.alert import Alert
from bot.domain.incident import TimelineEntry
from bot.domain.watched.finding import DATA_VERSIONS, REFERENCE_DATA
from bot.notify.card import AlertDetails, Annotation, Instance, ThreadUpdate
from bot.notify.instances import differing, named, value_of
from bot.notify.plain_text import is_blank
from bot.notify.readings import SUMMARY_KEYS, sentence_of

MAX_ENTRIES = 40
MAX_DETAILED = 5
MAX_BEGAN = 500
_MAX_ANNOTATIONS = 2
_ALWAYS = (REFERENCE_DATA, DATA_VERSIONS)


def thread_update(
    entries: Sequence[TimelineEntry], began: Sequence[Alert], broadcast: bool = False, known: Sequence[Alert] = ()
) -> ThreadUpdate:
    """``began`` are the alerts that began by these entries: the first in detail, of the others which ones they are.

    What the message says of the ``known`` alerts of the incident is not said again.
    """
    detailed, others = began[:MAX_DETAILED], began[MAX_DETAILED:]
    said = _said_by_message(known)
    details = tuple(_details(alert, said) for alert in detailed)
    return ThreadUpdate(tuple(entries), details, _instances(others, began), broadcast)


def _said_by_message(known: Sequence[Alert]) -> set[str]:
    """The sentences of those alerts that stand for their kind."""
    kinds: dict[tuple[str, str, str, bool, bool], Alert] = {}
    for alert in known:
        kinds.setdefault((alert.name, alert.service, alert.severity, alert.active, alert.flapping), alert)
    return {sentence_of(alert) for alert in kinds.values()}


def _instances(others: Sequence[Alert], began: Sequence[Alert]) -> tuple[Instance, ...]:
    labels = differing(began)
    return tuple(
        Instance(" ".join(filter(None, (alert.name, named(alert, labels)))), value_of(alert), alert.link)
        for alert in others
    )


def _details(alert: Alert, said: set[str]) -> AlertDetails:
    """The annotations for people first, then the labels that the first line leaves out."""
    known = {alert.name, alert.service, alert.severity.value}
    labels = " ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if value not in known)
    return AlertDetails(
        alert.name, alert.service, alert.severity, alert.source, _annotations(alert, said), labels, alert.link
    )


def _annotations(alert: Alert, said: set[str]) -> tuple[Annotation, ...]:
    """The summary and the like speak for themselves; others are shown with their names, and data's always."""
    notes = {name: text for name, text in alert.annotations.items() if not is_blank(text) and text not in said}
    plain = [Annotation("", notes[name]) for name in SUMMARY_KEYS if name in notes]
    others = [Annotation(name, notes[name]) for name in sorted(notes.keys() - set(SUMMARY_KEYS))]
    first = [*plain, *others][:_MAX_ANNOTATIONS]
    return tuple([*first, *(one for one in others if one.name in _ALWAYS and one not in first)])
