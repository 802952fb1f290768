"""From a request's body to a table: JSON is read into memory, Parquet goes through a file."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from aiohttp import web

from bot.errors import InboxFull, Unfit
from bot.model_store.columns import checked
from bot.model_store.json_rows import table_of_body
from bot.model_store.layout import LaidOut, laid_out
from bot.model_store.parquet import read_parquet
from handlers.http.body import Unreadable, check_objects, read_body
from handlers.http.memory import share_of
from handlers.models.spool import spool

MOST_AT_ONCE = 8
MOST_UNPACKED = 2
RETRY_AFTER = 5
MOST_JSON = 20 * 2**20
MOST_PARQUET = 512 * 2**20
PARQUET = ("application/vnd.apache.parquet", "application/x-parquet", "application/octet-stream")
_JSON = ("application/json", "")
_MAGIC = b"PAR1"


class Uploads:
    """A few bodies on their way at a time, and fewer unpacked: each is bounded, and so is their number."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._free = most
        self._unpacking = asyncio.Semaphore(MOST_UNPACKED)

    @asynccontextmanager
    async def table(self, request: web.Request, kind: str) -> AsyncIterator[LaidOut]:
        """The rows of a request, for as long as they are worked with; ``kind`` is predictions, labels or reference.

        Raises InboxFull where no more can come now, Unreadable and TooLarge for a body that cannot be taken, Unfit and
        msgspec.DecodeError for what it holds.
        """
        if not self._free:
            raise InboxFull(RETRY_AFTER)
        self._free -= 1
        try:
            async with _arrived(request, kind) as unpack, self._unpacking:
                yield await asyncio.to_thread(unpack)
        finally:
            self._free += 1


@asynccontextmanager
async def _arrived(request: web.Request, kind: str) -> AsyncIterator[Callable[[], LaidOut]]:
    """What unpacks the body, which is here now: of JSON in memory, of Parquet in a file."""
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type in PARQUET:
        with tempfile.NamedTemporaryFile(prefix="tandem-upload-", suffix=".parquet") as file:
            await spool(request, file.file, MOST_PARQUET)
            yield partial(_from_file, Path(file.name), kind)
    elif content_type in _JSON:
        with share_of(request) as share:
            yield partial(_from_json, await read_body(request, MOST_JSON, share), kind)
    else:
        taken = "application/json and application/vnd.apache.parquet"
        raise Unreadable(415, f"Content-Type {content_type[:60]!r} is not taken here, only {taken}.")


def _from_json(body: bytes, kind: str) -> LaidOut:
    check_objects(body)
    try:
        return _checked(table_of_body(body, kind), kind)
    except (ValueError, RecursionError) as error:
        raise Unfit(str(error) or type(error).__name__) from error


def _from_file(path: Path, kind: str) -> LaidOut:
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise Unfit("the body is no Parquet: it does not begin with PAR1")
    table = read_parquet(path)
    columns = [(name, table.column(place)) for place, name in enumerate(table.column_names)]
    return _checked(laid_out(columns, kind), kind)


def _checked(given: LaidOut, kind: str) -> LaidOut:
    return given._replace(table=checked(given.table, kind))
