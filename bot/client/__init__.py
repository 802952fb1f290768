"""Tandem's API from Python: typed answers, pages as iterators, retries that do nothing twice.

>>> from bot.client import Tandem
>>> with Tandem("https://tandem.example", token="…") as tandem:  # doctest: +SKIP
...     for incident in tandem.incidents(status="open", severity="critical"):
...         print(incident.number, incident.title, [cause.service for cause in incident.causes])
...     tandem.note(12, "replica 3 was restarted")

:class:`AsyncTandem` has the same methods for asyncio. docs/client.md has more.
"""

import gc

from bot import GC_OF_OTHERS
from bot.client.asynchronous import AsyncTandem
from bot.client.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Outdated,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from bot.client.images import image_statistics
from bot.client.synchronous import Tandem

gc.set_threshold(*GC_OF_OTHERS)

__all__ = [
    "ApiError",
    "AsyncTandem",
    "Conflict",
    "Forbidden",
    "Invalid",
    "NotFound",
    "Outdated",
    "Tandem",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "image_statistics",
]
