"""Segments of the index of predictions: hashes of ids in ascending order, and where the row of each is.

A segment is found in by reading its fences (every 1,024th hash) and the blocks between those that matter: as many as
there are ids to be found, however many rows it has.
"""

from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa

from detectors.drift.packing import Array

_MAGIC = b"TIDX0001"
_BLOCK = 1024
_ROW_BITS = 24
_ROW = 2**_ROW_BITS - 1
_MULTIPLIER, _MIX = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9
_LONGEST = 4096


class Segment(NamedTuple):
    """``hashes`` ascending, and the ``places`` of their rows: batch and row in one number."""

    hashes: Array
    places: Array

    def packed(self) -> bytes:
        head = _MAGIC + np.uint64(len(self.hashes)).tobytes()
        return head + self.hashes[::_BLOCK].tobytes() + self.hashes.tobytes() + self.places.tobytes()


def segment_of(ids: pa.ChunkedArray, seq: int) -> Segment:
    """The segment of one batch."""
    hashes = hashes_of(ids)
    order = np.argsort(hashes, kind="stable")
    return Segment(hashes[order], (np.uint64(seq) << np.uint64(_ROW_BITS)) | order.astype(np.uint64))


def merged(segments: Sequence[Segment]) -> Segment:
    """One segment of several; of one hash the row that came first is first."""
    if not segments:
        return Segment(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
    hashes = np.concatenate([one.hashes for one in segments])
    places = np.concatenate([one.places for one in segments])
    order = np.lexsort([places, hashes])
    return Segment(hashes[order], places[order])


def read(file: BinaryIO) -> Segment:
    """A whole segment. Raises ValueError for what is none."""
    rows = _rows_of(file)
    hashes = _numbers(file, _start_of_hashes(rows), rows)
    return Segment(hashes, _numbers(file, _start_of_hashes(rows) + 8 * rows, rows))


def find(file: BinaryIO, wanted: Array) -> Array:
    """The places of rows whose id has one of these hashes, which ascend. Raises ValueError."""
    rows = _rows_of(file)
    if not rows or not len(wanted):
        return np.zeros(0, np.uint64)
    fences = _numbers(file, len(_MAGIC) + 8, -(-rows // _BLOCK))
    first = np.maximum(fences.searchsorted(wanted, "left") - 1, 0)
    last = np.maximum(fences.searchsorted(wanted, "right") - 1, 0)
    found = []
    for low, high in _spans(first, last):
        start, count = low * _BLOCK, min((high + 1) * _BLOCK, rows) - low * _BLOCK
        hashes = _numbers(file, _start_of_hashes(rows) + 8 * start, count)
        at = np.flatnonzero(np.isin(hashes, wanted))
        if len(at):
            places = _numbers(file, _start_of_hashes(rows) + 8 * (rows + start + int(at[0])), int(at[-1] - at[0]) + 1)
            found.append(places[at - at[0]])
    return np.concatenate(found) if found else np.zeros(0, np.uint64)


def found(segment: Segment, wanted: Array) -> Array:
    """As :func:`find`, of a segment in memory."""
    return np.asarray(segment.places[np.isin(segment.hashes, wanted)])


def together(places: Sequence[Array]) -> Array:
    """The places that several searches found."""
    return np.concatenate([np.zeros(0, np.uint64), *places])


def rows_by_batch(places: Array) -> dict[int, Array]:
    """The rows, ascending, by the number of their batch, which ascends."""
    places = np.sort(places)
    seqs, rows = places >> np.uint64(_ROW_BITS), (places & np.uint64(_ROW)).astype(np.int64)
    if not len(places):
        return {}
    numbers, starts = np.unique(seqs, return_index=True)
    return dict(zip(numbers.astype(np.int64).tolist(), np.split(rows, starts[1:]), strict=True))


def hashes_of(ids: pa.ChunkedArray) -> Array:
    """A number for each id, the same wherever it comes; a column at a time, as there may be millions."""
    parts = [_hashes(chunk.cast(pa.large_string())) for chunk in ids.chunks]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _hashes(ids: pa.LargeStringArray) -> Array:
    offsets = np.frombuffer(ids.buffers()[1], np.int64)[ids.offset : ids.offset + len(ids) + 1]
    data = ids.buffers()[2]
    text = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if data is not None else np.zeros(0, np.uint8)
    starts, lengths = offsets[:-1] - offsets[0], np.diff(offsets)
    found = lengths.astype(np.uint64)
    with np.errstate(over="ignore"):
        if len(text):
            within = np.arange(len(text)) - np.repeat(starts, lengths)
            weighed = (text.astype(np.uint64) + np.uint64(1)) * _powers()[np.minimum(within, _LONGEST - 1)]
            there = lengths > 0
            found[there] += np.add.reduceat(weighed, starts[there])
        found = (found ^ (found >> np.uint64(30))) * np.uint64(_MIX)
    return found ^ (found >> np.uint64(31))


def _powers() -> Array:
    with np.errstate(over="ignore"):
        return np.multiply.accumulate(np.full(_LONGEST, _MULTIPLIER, np.uint64))


def _spans(first: Array, last: Array) -> list[tuple[int, int]]:
    """Blocks from … to, those that touch each other as one."""
    spans: list[tuple[int, int]] = []
    for low, high in zip(first.tolist(), last.tolist(), strict=True):
        if spans and low <= spans[-1][1] + 1:
            spans[-1] = spans[-1][0], max(spans[-1][1], high)
        else:
            spans.append((low, high))
    return spans


def _rows_of(file: BinaryIO) -> int:
    file.seek(0)
    head = file.read(len(_MAGIC) + 8)
    if len(head) != len(_MAGIC) + 8 or not head.startswith(_MAGIC):
        raise ValueError("this is no segment of ids")
    return int(np.frombuffer(head, np.uint64, 1, len(_MAGIC))[0])


def _start_of_hashes(rows: int) -> int:
    return len(_MAGIC) + 8 + 8 * (-(-rows // _BLOCK))


def _numbers(file: BinaryIO, start: int, count: int) -> Array:
    file.seek(start)
    return np.frombuffer(file.read(8 * count), np.uint64)
