"""A batch that records which of its fields are read and written, by the stage that is at work."""

from collections.abc import Callable
from typing import Any

from bot.pipeline.batch import Batch
from bot.pipeline.stage import FIELDS

_IGNORED = frozenset(
    {
        "__class__",
        "__getattribute__",
        "__new__",
        "__init__",
        "__init_subclass__",
        "__subclasshook__",
        "__setattr__",
        "__delattr__",
        "__getattr__",
        "__dict__",
        "__doc__",
        "__hash__",
        "__class_getitem__",
        "__reduce__",
        "__reduce_ex__",
        "__getstate__",
        "__sizeof__",
        "__dir__",
    }
)
_WRITES = frozenset(
    {
        "__setitem__",
        "__delitem__",
        "__ior__",
        "__iadd__",
        "__iand__",
        "__isub__",
        "append",
        "extend",
        "insert",
        "remove",
        "discard",
        "add",
        "update",
        "clear",
        "difference_update",
    }
)
_BOTH = frozenset({"pop", "popitem", "setdefault"})


class Touched:
    """What one stage read and wrote.

    ``taken`` are containers of which no method was called since they were taken: what C code does with them calls none.
    """

    def __init__(self) -> None:
        self.reads: set[str] = set()
        self.writes: set[str] = set()
        self.taken: set[str] = set()


def _recording(kind: type, name: str, batch: "RecordingBatch") -> type:
    """A subclass of a container that records the use of each of its methods as a read or a write of the field."""

    def wrapped(method: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *arguments: Any, **named: Any) -> Any:
            batch.now_at.taken.discard(name)
            if method in _WRITES or method in _BOTH:
                batch.now_at.writes.add(name)
            if method not in _WRITES:
                batch.now_at.reads.add(name)
            return original(self, *arguments, **named)

        return call

    methods = {method: getattr(kind, method) for method in dir(kind) if method not in _IGNORED}
    return type(f"Recording_{name}", (kind,), {m: wrapped(m, f) for m, f in methods.items() if callable(f)})


class RecordingBatch(Batch):
    """Containers record what is done with them; of other fields, taking the value is a read.

    A change deep in a container, such as a key that leaves an incident's own dictionary, is found by comparing.
    """

    now_at: Touched

    def __init__(self, *given: Any, **named: Any) -> None:
        object.__setattr__(self, "now_at", Touched())
        super().__init__(*given, **named)
        self.begin()

    def begin(self) -> None:
        """Forget what was recorded: the next stage begins."""
        object.__setattr__(self, "now_at", Touched())
        object.__setattr__(self, "_before", self._deep())

    def end(self) -> Touched:
        """What was touched since the beginning."""
        after = self._deep()
        before = object.__getattribute__(self, "_before")
        self.now_at.writes |= {name for name in after if after[name] != before[name]}
        self.now_at.reads |= self.now_at.taken
        return self.now_at

    def _deep(self) -> dict[str, Any]:
        return {name: _copied(object.__getattribute__(self, name)) for name in FIELDS}

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if name in FIELDS:
            touched: Touched = object.__getattribute__(self, "now_at")
            if not isinstance(value, dict | list | set) or name in touched.taken:
                touched.reads.add(name)
            else:
                touched.taken.add(name)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIELDS:
            self.now_at.writes.add(name)
            for kind in (dict, list, set):
                if type(value) is kind:
                    value = _recording(kind, name, self)(value)
        object.__setattr__(self, name, value)


def _copied(value: Any) -> Any:
    """A copy to compare with, made without the methods that record."""
    if isinstance(value, dict):
        return {key: _copied(dict.__getitem__(value, key)) for key in dict.__iter__(value)}
    if isinstance(value, list):
        return list(list.__iter__(value))
    return set(set.__iter__(value)) if isinstance(value, set) else value
