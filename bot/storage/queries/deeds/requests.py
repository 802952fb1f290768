"""Requests to the API that carry a key, so that each is carried out once."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_missing, row_of, table_of
from bot.storage.tables.deeds import ApiRequestRow

_REQUEST = table_of(ApiRequestRow)


class ApiRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``status``, ``body`` and ``headers`` are its answer; without a status nobody knows whether it was done."""

    token: str
    key: str
    digest: str
    at: datetime
    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = {}


async def begin(connection: AsyncConnection, request: ApiRequest) -> ApiRequest | None:
    """Note a request; the one that is known by this key, where there is one."""
    if await insert_missing(connection, _REQUEST, [row_of(request)]):
        return None
    mine = (_REQUEST.c.token == request.token, _REQUEST.c.key == request.key)
    row = (await connection.execute(select(_REQUEST).where(*mine))).mappings().one()
    return msgspec.convert(dict(row), ApiRequest)


async def finish(
    connection: AsyncConnection, token: str, key: str, status: int, body: bytes, headers: Mapping[str, str]
) -> None:
    mine = (_REQUEST.c.token == token, _REQUEST.c.key == key)
    await connection.execute(update(_REQUEST).where(*mine).values(status=status, body=body, headers=headers))


async def give_up(connection: AsyncConnection, token: str, key: str) -> None:
    await connection.execute(delete(_REQUEST).where(_REQUEST.c.token == token, _REQUEST.c.key == key))


async def forget(connection: AsyncConnection, before: datetime) -> None:
    await connection.execute(delete(_REQUEST).where(_REQUEST.c.at < before))
