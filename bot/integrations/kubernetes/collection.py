"""One collection of a cluster as it is known: its objects, what changed in it, and its snapshot."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from bot.integrations.kubernetes.following import Happened
from bot.integrations.kubernetes.seen import Seen, seen
from bot.kubernetes.resources import Where

MOST = 20_000
"""Objects of one collection; what is beyond is left out, and that is said."""

log = structlog.get_logger(__name__)
_Key = tuple[str, str]
_decode = msgspec.json.Decoder(list[Seen]).decode

Changed = Callable[[Seen | None, Seen | None], None]
"""Called with the state before and after."""


class Collection:
    """A keeper of the objects of one kind, in one namespace or in all."""

    def __init__(self, where: Where, changed: Changed) -> None:
        self.where = where
        self.name = f"{where.resource.plural}.{where.resource.group}/{where.namespace}"
        self.objects: dict[_Key, Seen] = {}
        self.complete = False
        """Whether it was listed to its end once."""
        self.known_before = False
        """Whether there is a state of before to compare the first list with."""
        self.dirty = False
        """Whether it differs from its snapshot."""
        self.revision = 0
        """Grows with every difference."""
        self._changed = changed
        self._listing: dict[_Key, Seen] | None = None
        self._left_out = 0

    def restore(self, snapshot: bytes) -> None:
        """What another replica, or this one before its restart, had seen. Raises MsgspecError."""
        self.objects = {(one.namespace, one.name): one for one in _decode(snapshot)}
        self.known_before = True

    async def snapshot(self) -> bytes:
        return await asyncio.to_thread(msgspec.json.encode, list(self.objects.values()))

    def begin(self) -> None:
        self._listing, self._left_out = {}, 0

    def listed(self, thing: Any) -> None:
        assert self._listing is not None
        one = seen(self.where.resource, thing)
        if len(self._listing) >= MOST:
            self._left_out += 1
        else:
            self._listing[one.namespace, one.name] = one

    async def end(self) -> None:
        assert self._listing is not None
        listed, self._listing = self._listing, None
        if self._left_out:
            log.warning("kubernetes.left_out", what=self.where.text, kept=MOST, left_out=self._left_out)
        if self.known_before:
            for key in sorted(listed.keys() | self.objects.keys()):
                before, after = self.objects.get(key), listed.get(key)
                if before != after and not (after is None and self._left_out):
                    self._changed(before, after)
        if listed != self.objects or not self.complete:
            self._touch()
        self.objects, self.complete, self.known_before = listed, True, True

    async def happened(self, what: Happened, thing: Any) -> None:
        after = seen(self.where.resource, thing)
        key = (after.namespace, after.name)
        before = self.objects.get(key)
        if what is Happened.DELETED:
            self.objects.pop(key, None)
            if before is not None:
                self._changed(before, None)
        elif before is None and len(self.objects) >= MOST:
            self._left_out += 1
            return
        elif before != after:
            self.objects[key] = after
            self._changed(before, after)
        else:
            return
        self._touch()

    def _touch(self) -> None:
        self.dirty = True
        self.revision += 1
