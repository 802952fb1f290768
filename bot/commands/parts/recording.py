"""``tandem record``: what came in, and the incidents that it made, as an event log for ``tandem replay``."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from bot.domain.incident import Incident
from bot.inbox.inbox import Inbox, open_inbox
from bot.storage.database import Database, open_existing
from bot.storage.queries import alerts, incidents

_PAGE = 500


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as a log and a replay tell of it; ``alerts`` are the fingerprints of what it holds."""

    number: int
    title: str
    status: str
    severity: str
    opened_at: str
    resolved_at: str | None
    cause: str | None
    alerts: list[str] = []


async def record(url: str, file: Path, inbox_url: str | None = None) -> tuple[int, int]:
    """Write the log; returns how many deliveries and incidents are in it. Raises ConfigError, StorageUnavailable.

    The bot may be running: this only reads.
    """
    database = open_existing(url)
    inbox = open_inbox(database, inbox_url)
    try:
        with file.open("wb") as out:
            deliveries = await _write_deliveries(inbox, out)
            made = [one async for one in made_in(database)]
            out.write(msgspec.json.encode({"made": made}) + b"\n")
        return deliveries, len(made)
    finally:
        await inbox.close()
        await database.close()


async def _write_deliveries(inbox: Inbox, out: BinaryIO) -> int:
    count, seq = 0, 0
    while entries := await inbox.raw_entries_after(seq, _PAGE):
        for _, source, received_at, payload in entries:
            line = {"received_at": received_at, "source": source, "events": msgspec.Raw(payload)}
            out.write(msgspec.json.encode(line) + b"\n")
        count, seq = count + len(entries), entries[-1][0]
    return count


async def made_in(database: Database) -> AsyncIterator[Made]:
    """The incidents of a database, the oldest first."""
    below: int | None = None
    found: list[Incident] = []
    async with database.read() as connection:
        while page := await incidents.list_incidents(connection, below=below, limit=_PAGE):
            found += page
            below = page[-1].number
        for incident in reversed(found):
            known = (await alerts.of_incidents(connection, [incident.id], limit=100_000))[incident.id]
            yield _made(incident, sorted({alert.fingerprint for alert in known}))


def _made(incident: Incident, fingerprints: list[str]) -> Made:
    cause = incident.causes[0] if incident.causes else None
    return Made(
        number=incident.number,
        title=incident.title,
        status=incident.status.value,
        severity=incident.severity.value,
        opened_at=incident.opened_at.isoformat(timespec="seconds"),
        resolved_at=incident.resolved_at.isoformat(timespec="seconds") if incident.resolved_at else None,
        cause=f"{cause.service} ({cause.kind})" if cause else None,
        alerts=fingerprints,
    )
