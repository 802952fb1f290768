"""The body of ``PUT …/importance``: how much a model goes by each feature."""

from typing import Annotated

import msgspec
from aiohttp import web

from handlers.http.body import read_body
from handlers.http.memory import share_of

_MOST_BYTES = 2**20


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    importance: Annotated[dict[str, Annotated[float, msgspec.Meta(ge=0)]], msgspec.Meta(max_length=12_000)]


_decode = msgspec.json.Decoder(_Body).decode


async def importance_in(request: web.Request) -> dict[str, float]:
    """By feature, 0 or more each. Raises Unreadable, TooLarge, msgspec.DecodeError."""
    with share_of(request) as share:
        return _decode(await read_body(request, _MOST_BYTES, share)).importance
