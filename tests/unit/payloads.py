"""Bodies as a broken or hostile sender would post them."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from handlers.sources.registry import Malformed, Refusal
from tests.unit.strategies import strange

TIMES = [
    "2026-03-01T12:00:00Z",
    "2026-03-01T12:00:00.123456789+05:30",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-03-01T12:00:00",
    "2026-02-30T12:00:00Z",
    "yesterday",
    "",
]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | strange
    | st.sampled_from([*TIMES, "firing", "resolved", "4", "1.0", "\x00", "\ud800", "http://h/\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strange, inner, max_size=3),
    max_leaves=5,
)
"""Anything that JSON can say, and some of what it cannot."""


def taken(found: Iterable[Any]) -> list[Any]:
    """The events of a delivery. As the endpoint does, raises Malformed where nothing of it can be taken."""
    parts = list(found)
    events = [one for one in parts if not isinstance(one, Refusal)]
    if parts and not events:
        raise Malformed(parts[0].reason)
    return events


@st.composite
def mutated(draw: st.DrawFn, valid: Any) -> Any:
    """A valid document in which some parts, at any depth, are gone, are something else or are new."""
    document = draw(valid) if isinstance(valid, st.SearchStrategy) else valid
    for _ in range(draw(st.integers(0, 3))):
        document = draw(_changed(document))
    return document


@st.composite
def _changed(draw: st.DrawFn, document: Any) -> Any:
    if draw(st.integers(0, 4)) == 0 or not isinstance(document, dict | list) or not document:
        return draw(values)
    if isinstance(document, list):
        position = draw(st.integers(0, len(document) - 1))
        return [*document[:position], draw(_changed(document[position])), *document[position + 1 :]]
    key = draw(st.sampled_from(sorted(document)))
    rest = {name: value for name, value in document.items() if name != key}
    if draw(st.booleans()):
        return rest | {draw(st.sampled_from([key, "labels", "x", "\ud800"])): draw(values)}
    return rest if draw(st.booleans()) else rest | {key: draw(_changed(document[key]))}
