"""Statistics of rows that stayed in a database, as they are kept: a frame of one text."""

import base64
from collections.abc import Sequence

import msgspec
import pyarrow as pa

from bot.model_store.frames import Frames
from detectors.drift.categories import Categorical
from detectors.drift.cells import together
from detectors.drift.packing import pack, unpack
from detectors.drift.profile import Column, Numeric

_COLUMN = "statistics"


class ColumnStatistics(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column as the reference reads it; ``odd`` values are no numbers, ``outside`` not allowed, ``infinite`` so.

    ``strange`` are categories that are not allowed, the most frequent ones.
    """

    column: Column
    odd: int = 0
    outside: int = 0
    infinite: int = 0
    strange: list[str] = []


class Statistics(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of so many ``rows``, as the reference with this ``profile`` reads them, "" where there was none.

    ``names`` are all features. ``again`` rows have an id that came before; None where ids were not counted.
    """

    rows: int
    profile: str
    features: dict[str, ColumnStatistics]
    outputs: dict[str, ColumnStatistics]
    names: list[str]
    again: int | None = None


async def put(frames: Frames, statistics: Statistics) -> str:
    """Keep them, and return the digest of their frame."""
    text = base64.b64encode(pack(statistics)).decode()
    return await frames.put(pa.table({_COLUMN: [text]}))


async def get(frames: Frames, digest: str) -> Statistics:
    """Raises Lost."""
    table = await frames.get(digest)
    return unpack(base64.b64decode(table[_COLUMN][0].as_py()), Statistics)


def merged(parts: Sequence[Statistics]) -> Statistics:
    """Those of all their rows; all are as one reference reads them."""
    if len(parts) == 1:
        return parts[0]
    again = [one.again for one in parts if one.again is not None]
    return Statistics(
        rows=sum(one.rows for one in parts),
        profile=parts[-1].profile,
        features=_merged([one.features for one in parts]),
        outputs=_merged([one.outputs for one in parts]),
        names=list(dict.fromkeys(name for one in parts for name in one.names)),
        again=sum(again) if again else None,
    )


def _merged(parts: Sequence[dict[str, ColumnStatistics]]) -> dict[str, ColumnStatistics]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _one([part[name] for part in parts if name in part]) for name in names}


def _one(parts: Sequence[ColumnStatistics]) -> ColumnStatistics:
    return ColumnStatistics(
        _column([one.column for one in parts]),
        sum(one.odd for one in parts),
        sum(one.outside for one in parts),
        sum(one.infinite for one in parts),
        list(dict.fromkeys(text for one in parts for text in one.strange)),
    )


def _column(parts: Sequence[Column]) -> Column:
    numbers = [one for one in parts if isinstance(one, Numeric)]
    if numbers:
        return together(numbers)
    categories = [one for one in parts if isinstance(one, Categorical)]
    counts, frequent = dict[str, int](), dict[str, int]()
    for one in categories:
        for text, count in one.counts.items():
            counts[text] = counts.get(text, 0) + count
        for text, count in one.frequent.items():
            frequent[text] = frequent.get(text, 0) + count
    merged_there = any(one.merged for one in categories)
    missing = sum(one.missing for one in categories)
    return Categorical(dict(sorted(counts.items())), missing, categories[0].hashed, frequent, merged_there)
