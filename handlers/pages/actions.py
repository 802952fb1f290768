"""What can be done on the page of an incident: operations of the API, with the token's scopes and its name as actor."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bot.domain.deed import MOST_NOTE
from bot.errors import Refused
from handlers.api.idempotency import Key, Repeated, begin, finish, give_up, key_of
from handlers.api.operation import Backend, Invalid, Operation, all_operations
from handlers.api.serving import Serving
from handlers.api.tokens import Caller

MOST_FORM = 12 * MOST_NOTE + 2048
"""The bytes of a form with the longest note: a character outside the BMP is twelve in it."""
Form = Mapping[str, list[str]]


class Action(NamedTuple):
    """``body`` is what the operation takes, of the form that was sent."""

    operation: Operation
    body: Callable[[Form], Mapping[str, Any]]


def action(name: str) -> Action:
    operations = {one.name: one for one in all_operations()}
    return Action(operations[name], _BODIES[name])


def is_of(form: Form, form_key: str) -> bool:
    """Whether the form is one of a page that this session was shown."""
    return hmac.compare_digest(field(form, "key").encode(errors="replace"), form_key.encode())


async def perform(backend: Backend, serving: Serving, wanted: Action, caller: Caller, at: str, form: Form) -> None:
    """Do it once, however often the same form is sent. Raises Refused, Invalid, StorageUnavailable."""
    key = _key(wanted, caller, at, form)
    if key is not None and not await _begun(backend, key):
        return
    try:
        await serving.perform(wanted.operation, caller, {"id": at}, {}, wanted.body(form))
    except (Refused, Invalid):  # of any other error nobody knows whether it was done
        if key is not None:
            await give_up(backend.database, key)
        raise
    if key is not None:
        await finish(backend.database, key, 200, b"", {})


def _key(wanted: Action, caller: Caller, at: str, form: Form) -> Key | None:
    """Tells what was sent again from what was written anew in the same form."""
    once = field(form, "once")
    if not once:
        return None
    what = hashlib.sha256(repr((wanted.operation.name, at, wanted.body(form))).encode(errors="replace")).hexdigest()
    return key_of(f"{once[:100]}-{what}", caller, what)


async def _begun(backend: Backend, key: Key) -> bool:
    """Whether it is to be done; not where it was already."""
    try:
        await begin(backend.database, key, backend.clock())
    except Repeated:
        return False
    except Refused as error:
        why = "The same form is being carried out, or that was interrupted: look whether it is done."
        raise Refused(why) from error
    return True


def field(form: Form, name: str) -> str:
    return form.get(name, [""])[0]


_BODIES: dict[str, Callable[[Form], Mapping[str, Any]]] = {
    "acknowledge": lambda form: {},
    "resolve": lambda form: {"unless_firing": not field(form, "although_firing")},
    "note": lambda form: {"text": field(form, "text").replace("\r\n", "\n")},
}
