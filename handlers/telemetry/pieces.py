"""Cuts a large protobuf message into small ones of the same type, which are decoded one after the other.

Decoded, a message can be forty times as large as encoded: an empty one within it takes two bytes there, and some eighty
here. What is decoded of a request at a time is therefore bounded, and its data points are counted before most of them
are decoded. https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Callable, Iterator, Sequence

from handlers.http.body import Unreadable
from handlers.sources.registry import Malformed
from handlers.telemetry.gathering import MOST_AT_ONCE

PIECE = 2**18
_LENGTH_DELIMITED = 2
_FIXED = {1: 8, 5: 4}

Encoded = bytes | memoryview

Spine = Sequence[frozenset[int]]
"""From the outside in, the fields that hold most of a message: it may be cut between two of them."""

Field = tuple[int, int, int, int]
"""Number, and where its tag begins, its value begins and ends."""


def pieces(message: Encoded, spine: Spine, shortened: Callable[[Encoded], bytes] | None = None) -> Iterator[bytes]:
    """The message in pieces of about ``PIECE`` bytes: each has all of what is beside the spine, and some of that.

    What is at the end of the spine and larger than a piece is ``shortened``, or refused. Raises Malformed, Unreadable.
    """
    if len(message) <= PIECE:
        yield bytes(message)
        return
    if not spine:
        if shortened is None:
            raise Unreadable(413, f"A single data point or sample has more than the {PIECE} bytes that are taken.")
        yield shortened(message)
        return
    beside, along = _parted(message, spine[0])
    within = memoryview(message)
    group: list[Encoded] = [beside]
    size = 0
    for number, start, value, end in along:
        if end - start > PIECE:
            for part in pieces(within[value:end], spine[1:], shortened):
                yield beside + framed(number, part)
            continue
        if size + end - start > PIECE:
            yield b"".join(group)
            group, size = [beside], 0
        group.append(within[start:end])
        size += end - start
    if size or not along:
        yield b"".join(group)


def _parted(message: Encoded, numbers: frozenset[int]) -> tuple[bytes, list[Field]]:
    """What is beside the fields of these numbers, and where those are."""
    beside: list[Encoded] = []
    size = 0
    along: list[Field] = []
    for field in fields_of(message):
        number, start, _, end = field
        if number in numbers:
            along.append(field)
            if len(along) > MOST_AT_ONCE:
                raise Unreadable(413, f"At most {MOST_AT_ONCE} samples or log lines are taken at once.")
        else:
            beside.append(message[start:end])
            size += end - start
            if size > PIECE:
                raise Unreadable(413, f"What describes a series or a resource has more than {PIECE} bytes.")
    return b"".join(beside), along


def fields_of(message: Encoded) -> Iterator[Field]:
    """The fields of a message, in order. Raises Malformed."""
    at, end = 0, len(message)
    try:
        while at < end:
            start = at
            tag, at = _varint(message, at)
            value, kind = at, tag & 7
            if kind == _LENGTH_DELIMITED:
                length, value = _varint(message, at)
                at = value + length
            elif kind == 0:
                _, at = _varint(message, at)
            else:
                at += _FIXED[kind]
            if at > end:
                raise Malformed("it ends within a field")
            yield tag >> 3, start, value, at
    except (IndexError, KeyError) as error:
        raise Malformed("a field cannot be decoded") from error


def _varint(message: Encoded, at: int) -> tuple[int, int]:
    """A number, and where what follows it begins. Raises IndexError."""
    byte = message[at]
    if byte < 0x80:
        return byte, at + 1
    value, shift = byte & 0x7F, 7
    while shift < 64:
        at += 1
        byte = message[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7
    raise IndexError(at)


def framed(number: int, value: bytes) -> bytes:
    """A field that holds some bytes."""
    return _as_varint(number << 3 | _LENGTH_DELIMITED) + _as_varint(len(value)) + value


def _as_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
