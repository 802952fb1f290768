"""What a page shows, and the call that it is shown to."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from handlers.api.operation import Call, NoBody, NoQuery

Asked = Call[NoQuery, NoBody]


class View(NamedTuple):
    """A template, and what it shows."""

    template: str
    content: Mapping[str, Any]


def asked_with(call: Asked, query: msgspec.Struct) -> Call[Any, NoBody]:
    """The same call with the query of another operation."""
    return Call(call.backend, call.caller, query, call.body, call.path, call.now)
