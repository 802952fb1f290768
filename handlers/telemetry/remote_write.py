"""Prometheus remote write 1.0: what is in a delivery. https://prometheus.io/docs/specs/prw/remote_write_spec/"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from sys import intern

import cramjam
from google.protobuf.message import DecodeError

from handlers.http.body import Unreadable
from handlers.sources.clean import clean
from handlers.sources.registry import Malformed
from handlers.telemetry.gathering import (
    MOST_REMEMBERED,
    Gathering,
    InvalidPart,
    Kept,
    LeftOut,
    Watching,
    check_number,
    check_size,
)
from handlers.telemetry.pieces import pieces
from handlers.telemetry.remote_write_pb2 import Label, TimeSeries, WriteRequest

_SPINE = (frozenset({1}), frozenset({2}))
"""Series, and their samples."""

SeriesDecision = Callable[[bytes], Kept | None]
"""From a TimeSeries of which only the labels are left to what is kept of it. Raises Malformed, InvalidPart."""


def series_decision(watching: Watching) -> SeriesDecision:
    """Remembers what it has decided, by the labels' bytes: a series that is known costs no look at its labels."""

    @lru_cache(maxsize=MOST_REMEMBERED)
    def decide(labels: bytes) -> Kept | None:
        return watching.series(labels_of(TimeSeries.FromString(labels).labels))

    return decide


def labels_of(encoded: Sequence[bytes]) -> dict[str, str]:
    """The labels of a series. One with an empty value is as good as absent. Raises Malformed, InvalidPart."""
    check_number(len(encoded))
    labels: dict[str, str] = {}
    for one in encoded:
        try:
            label = Label.FromString(one)
        except DecodeError as error:
            raise Malformed(f"a label cannot be decoded: {error}") from error
        name = _text(label.name)
        if not name or name in labels:
            raise InvalidPart(f"the label {name[:60]!r} is there twice" if name else "a label has no name")
        labels[name] = _text(label.value)
    return {name: value for name, value in labels.items() if value}


def _text(text: str) -> str:
    """Clean, and one object however many series have it."""
    return intern(text if text.isprintable() else clean(text))


def unpack(packed: bytes, limit: int) -> bytes:
    """Snappy's block format. Raises Malformed, and Unreadable where ``limit`` bytes are not enough."""
    if unpacked_size(packed) > limit:
        raise Unreadable(413, f"At most {limit} bytes are taken at once.")
    try:
        return bytes(cramjam.snappy.decompress_raw(packed))
    except cramjam.DecompressionError as error:
        raise Malformed(f"it is not packed by snappy's block format: {error}") from error


def unpacked_size(packed: bytes) -> int:
    """How long it says to be when unpacked. Raises Malformed."""
    try:
        return int(cramjam.snappy.decompress_raw_len(packed))
    except cramjam.DecompressionError as error:
        raise Malformed(f"it is not packed by snappy's block format: {error}") from error


def gather(body: bytes, received_at: datetime, decide: SeriesDecision) -> Gathering:
    """What an unpacked delivery comes to. Raises Malformed, Unreadable."""
    gathering = Gathering(received_at)
    for piece in pieces(body, _SPINE):
        try:
            request = WriteRequest.FromString(piece)
        except DecodeError as error:
            raise Malformed(f"it is no WriteRequest: {error}") from error
        _gather_series(gathering, request, decide)
    return gathering


def _gather_series(gathering: Gathering, request: WriteRequest, decide: SeriesDecision) -> None:
    for series in request.timeseries:
        samples = series.samples
        sent = len(samples)
        gathering.count(sent or 1)
        series.ClearField("samples")  # what was read of it stays
        series.DiscardUnknownFields()
        try:
            labels = series.SerializeToString()
            check_size(len(labels))
            kept = decide(labels)
        except InvalidPart as error:
            gathering.reject(sent, LeftOut.INVALID, str(error))
            continue
        if kept is None:
            gathering.unwatched(sent)
        else:
            gathering.samples(kept, [(sample.timestamp, sample.value) for sample in samples])
