"""``Idempotency-Key``: a request that is sent again with its key is carried out once, and answered as then.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/

The key is written down before anything is done: where the process ends in between, nobody knows whether it was
done, and the key says so instead of doing it again.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.errors import Refused
from bot.storage.database import Database
from bot.storage.queries.deeds import requests
from bot.storage.queries.deeds.requests import ApiRequest
from handlers.api.operation import Invalid
from handlers.api.tokens import Caller

KEPT = timedelta(days=1)
_KEY = re.compile(r"[!-~]{1,255}")


class Key(NamedTuple):
    """A token's key, and what came with it."""

    token: str
    key: str
    digest: str


class Repeated(Exception):
    """It was carried out before, with this answer."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers


def key_of(header: str | None, caller: Caller, digest: str) -> Key | None:
    """Raises Invalid."""
    if header is None:
        return None
    if not _KEY.fullmatch(header.strip()):
        raise Invalid("Idempotency-Key: 1 to 255 letters, digits and signs are expected.")
    return Key(caller.name, header.strip(), digest)


async def begin(database: Database, key: Key, now: datetime) -> None:
    """Note that the request is being carried out. Raises Repeated where it was, Refused where that is not known."""
    async with database.write() as connection:
        await requests.forget(connection, now - KEPT)
        mine = ApiRequest(token=key.token, key=key.key, digest=key.digest, at=now)
        known = await requests.begin(connection, mine)
    if known is None:
        return
    if known.digest != key.digest:
        raise Refused("This Idempotency-Key came with another request before: nothing was done.")
    if known.status is None:
        raise Refused(
            "A request with this Idempotency-Key is being carried out, or was interrupted: look whether it is done."
        )
    raise Repeated(known.status, known.body, known.headers)


async def finish(database: Database, key: Key, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    async with database.write() as connection:
        await requests.finish(connection, key.token, key.key, status, body, headers)


async def give_up(database: Database, key: Key) -> None:
    """Nothing was done: the request may be sent again."""
    async with database.write() as connection:
        await requests.give_up(connection, key.token, key.key)
