"""What the tests of the stream put in and read out."""

from datetime import UTC, datetime

from bot.domain.event import AlertEvent, AlertStatus, Event, SamplesEvent, encode_events
from bot.inbox.entries import Entry, NewEntry
from bot.inbox.inbox import Inbox

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def new_alert(name: str) -> AlertEvent:
    return AlertEvent("test", name, AlertStatus.FIRING, {"alertname": name}, NOW)


def new_entry(*events: Event, partition: int = 0, received_at: datetime = NOW) -> NewEntry:
    return NewEntry(partition, "test", received_at, encode_events(events))


def new_samples(at: datetime, partition: int = 0) -> NewEntry:
    return new_entry(SamplesEvent("otlp", {}, []), partition=partition, received_at=at)


async def entries_in(inbox: Inbox, partition: int) -> list[Entry]:
    return (await inbox.entries_after(partition, 0, 10_000)).entries


async def names_in(inbox: Inbox, partition: int = 0) -> list[str]:
    entries = await entries_in(inbox, partition)
    return [event.fingerprint for entry in entries for event in entry.events if isinstance(event, AlertEvent)]
