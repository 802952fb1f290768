"""Signatures of Slack's requests, so that none is taken twice."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_missing, table_of
from bot.storage.tables.slack import SlackRequestRow

_REQUEST = table_of(SlackRequestRow)


async def take_request(connection: AsyncConnection, signature: str, now: datetime, forget_before: datetime) -> bool:
    """Remember a request by its signature; False where it was taken before."""
    await connection.execute(delete(_REQUEST).where(_REQUEST.c.received_at < forget_before))
    row = {"signature": signature, "received_at": now}
    return await insert_missing(connection, _REQUEST, [row]) == 1
