"""Which charts of alerts and of runs the threads have, or are to have. Each is sent once at most."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import Chart
from bot.storage.database import insert_missing, table_of
from bot.storage.tables.core import AlertRow
from bot.storage.tables.slack import ChannelMessageRow, ChartUploadRow

_UPLOAD = table_of(ChartUploadRow)
_ALERT = table_of(AlertRow)
_MESSAGE = table_of(ChannelMessageRow)


class UploadState(StrEnum):
    """``sending`` is set before a call whose answer may be lost. One that stays so was caught by a crash or an
    outage: it may be in the thread or not, and is not sent again."""

    WANTED = "wanted"
    SENDING = "sending"
    SHOWN = "shown"
    LEFT_OUT = "left_out"


class Charted(Protocol):
    """What has a chart: an episode of an alert, or a run, whose episode is 0."""

    @property
    def identity(self) -> str: ...

    @property
    def episode(self) -> int: ...


class WantedChart(NamedTuple):
    """A chart of an alert or a run, by its name, and the thread that is to show it."""

    identity: str
    episode: int
    name: str
    chart: Chart | None
    thread: str
    wanted_at: datetime


async def want(connection: AsyncConnection, incident_id: str, most: int, now: datetime) -> None:
    """Ask for the charts of an incident's alerts, the earliest first; it has ``most`` at most."""
    mine = (_UPLOAD.c.incident_id == incident_id, _UPLOAD.c.chart.is_(None))
    pending = await connection.scalar(select(func.count()).select_from(_UPLOAD).where(*mine)) or 0
    if pending >= most:
        return
    known = (_UPLOAD.c.identity == _ALERT.c.identity) & (_UPLOAD.c.episode == _ALERT.c.episode)
    rows = await connection.execute(
        select(_ALERT.c.identity, _ALERT.c.episode)
        .outerjoin(_UPLOAD, known)
        .where(_ALERT.c.incident_id == incident_id, _ALERT.c.chart.is_not(None), _UPLOAD.c.identity.is_(None))
        .order_by(_ALERT.c.starts_at, _ALERT.c.identity)
        .limit(most - pending)
    )
    same = {"incident_id": incident_id, "state": UploadState.WANTED.value, "wanted_at": now}
    wanted = [{"identity": identity, "episode": episode, **same} for identity, episode in rows]
    await insert_missing(connection, _UPLOAD, wanted)


async def want_for_run(connection: AsyncConnection, incident_id: str, run_id: str, chart: Chart, now: datetime) -> None:
    """Ask for the chart of a run, once."""
    row = {"identity": run_id, "episode": 0, "incident_id": incident_id, "state": UploadState.WANTED.value}
    await insert_missing(connection, _UPLOAD, [{**row, "wanted_at": now, "chart": chart}])


async def next_wanted(connection: AsyncConnection, channel: str, without: Collection[str] = ()) -> WantedChart | None:
    """The chart that has waited longest, of those whose incident has its thread in this channel.

    ``without`` are the identities of those that are set aside.
    """
    same = (_ALERT.c.identity == _UPLOAD.c.identity) & (_ALERT.c.episode == _UPLOAD.c.episode)
    mine = (_UPLOAD.c.identity, _UPLOAD.c.episode, _UPLOAD.c.wanted_at, _UPLOAD.c.chart)
    rows = await connection.execute(
        select(*mine, _ALERT.c.name, _ALERT.c.chart.label("of_alert"), _MESSAGE.c.ts.label("thread"))
        .select_from(_UPLOAD)
        .outerjoin(_ALERT, same)
        .join(_MESSAGE, _MESSAGE.c.incident_id == _UPLOAD.c.incident_id)
        .where(
            _UPLOAD.c.state == UploadState.WANTED.value,
            _MESSAGE.c.channel == channel,
            _MESSAGE.c.threaded,
            _MESSAGE.c.ts.is_not(None),
            _UPLOAD.c.identity.not_in(without),
            _UPLOAD.c.chart.is_not(None) | _ALERT.c.identity.is_not(None),
        )
        .order_by(_UPLOAD.c.wanted_at, _UPLOAD.c.identity)
        .limit(1)
    )
    row = rows.mappings().first()
    if row is None:
        return None
    chart = msgspec.convert(row["chart"] or row["of_alert"], Chart | None)
    name = row["name"] or (chart.title if chart else "")
    return WantedChart(row["identity"], row["episode"], name, chart, row["thread"], row["wanted_at"])


async def move(connection: AsyncConnection, charted: Charted, state: UploadState, to: UploadState) -> bool:
    """Say how far a chart has come; False where it is not in ``state`` any more."""
    this = (_UPLOAD.c.identity == charted.identity, _UPLOAD.c.episode == charted.episode)
    result = await connection.execute(
        update(_UPLOAD).where(*this, _UPLOAD.c.state == state.value).values(state=to.value)
    )
    return result.rowcount == 1
